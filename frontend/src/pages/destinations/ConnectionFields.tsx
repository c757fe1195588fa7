import { Button, Checkbox } from "react-aria-components";
import { AUTH_KINDS, type AuthKind, type Draft, type Preset, UNSAID } from "../../model/destinations";
import controls from "../../ui/controls.module.css";
import { Field } from "../../ui/Field";
import { optionsOf, Select } from "../../ui/Select";
import { SecretField } from "./SecretField";

const PROTOCOLS = ["otlp-http", "otlp-http-json", "otlp-grpc", "zipkin"];
const DIALECTS = ["as-received", "genai", "openinference", "openllmetry", "langfuse"];
const FILES = { caFile: "Authorities", certFile: "Certificate", keyFile: "Its key" } as const;

interface Props {
  draft: Draft;
  /** How often the draft began anew: what a field remembers of a secret ends with it. */
  turn: number;
  preset: Preset | undefined;
  secretHint: string;
  /** The id of what is said of secrets. */
  told: string | undefined;
  onChange: (changes: Partial<Draft>) => void;
}

/** How a destination is spoken to, and what says who speaks: key, headers, protocol and TLS. */
export function ConnectionFields({ draft, turn, preset, secretHint, told, onChange }: Props) {
  const text = (label: string, value: string, hint: string, change: (value: string) => void, size = 18) => (
    <Field label={label} value={value} onChange={change} input={{ size, spellCheck: false, placeholder: hint }} />
  );
  const setHeader = (place: number, changes: Partial<Draft["headers"][number]>) =>
    onChange({ headers: draft.headers.map((header, at) => (at === place ? { ...header, ...changes } : header)) });
  return (
    <>
      <details open={draft.auth !== "none" || draft.headers.length > 0}>
        <summary>Key and protocol</summary>
        <div>
          <Select<AuthKind>
            label="Shown as"
            value={draft.auth}
            options={optionsOf(AUTH_KINDS)}
            onChange={(auth) => onChange({ auth, key: "" })}
          />
          {draft.auth === "basic" && text("User", draft.user, "", (user) => onChange({ user }))}
          {draft.auth === "header" && text("Header", draft.user, "x-api-key", (user) => onChange({ user }))}
          {draft.auth !== "none" && (
            <SecretField
              key={`${draft.auth} ${turn}`}
              label={draft.auth === "basic" ? "Password" : "Key"}
              value={draft.key}
              hint={secretHint}
              told={told}
              onChange={(key) => onChange({ key })}
            />
          )}
          <Select
            label="Protocol"
            value={draft.protocol}
            options={choices(preset?.protocol ?? "otlp-http", PROTOCOLS)}
            onChange={(protocol) => onChange({ protocol })}
          />
          <Select
            label="Dialect"
            value={draft.dialect}
            options={choices(preset?.dialect ?? "as-received", DIALECTS)}
            onChange={(dialect) => onChange({ dialect })}
          />
        </div>
        {draft.headers.map(({ id, name, value }, place) => (
          <div key={id}>
            {text(`Header ${place + 1}`, name, "x-team", (given) => setHeader(place, { name: given }), 16)}
            <SecretField
              key={turn}
              label={`Value ${place + 1}`}
              value={value}
              hint={secretHint}
              told={told}
              onChange={(given) => setHeader(place, { value: given })}
            />
            <Button
              className={controls.danger}
              aria-label={`Remove header ${place + 1}`}
              onPress={() => onChange({ headers: draft.headers.filter((header) => header.id !== id) })}
            >
              Remove
            </Button>
          </div>
        ))}
        <div>
          <Button
            className={controls.action}
            onPress={() =>
              onChange({ headers: [...draft.headers, { id: String(Math.random()), name: "", value: "" }] })
            }
          >
            Add header
          </Button>
        </div>
      </details>
      <details open={draft.insecure || Object.keys(FILES).some((name) => draft[name as keyof typeof FILES] !== "")}>
        <summary>TLS: PEM files of the exporter</summary>
        <div>
          {Object.entries(FILES).map(([name, label]) => (
            <span key={name}>
              {text(
                label,
                draft[name as keyof typeof FILES],
                "/etc/ssl/own.pem",
                (file) => onChange({ [name]: file }),
                24,
              )}
            </span>
          ))}
          <Checkbox
            className={controls.check}
            isSelected={draft.insecure}
            onChange={(insecure) => onChange({ insecure })}
          >
            Do not check the server
          </Checkbox>
        </div>
      </details>
    </>
  );
}

function choices(otherwise: string, all: readonly string[]): { id: string; label: string }[] {
  return [{ id: UNSAID, label: `${otherwise} (usual)` }, ...all.map((id) => ({ id, label: id }))];
}
