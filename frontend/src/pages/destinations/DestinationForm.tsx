import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { Button, Checkbox, Form, Input, Label, TextField } from "react-aria-components";
import { saveDestination } from "../../api/client";
import {
  AUTH_KINDS,
  type AuthKind,
  type Definition,
  type Draft,
  definitionOf,
  type Preset,
  UNSAID,
} from "../../model/destinations";
import controls from "../../ui/controls.module.css";
import { Failure } from "../../ui/Failure";
import { optionsOf, Select } from "../../ui/Select";
import styles from "./Destinations.module.css";

const PROTOCOLS = ["otlp-http", "otlp-http-json", "otlp-grpc", "zipkin"];
const DIALECTS = ["as-received", "genai", "openinference", "openllmetry", "langfuse"];
const CONTENT: Record<Definition["content"], string> = {
  full: "everything",
  redacted: "with keys, numbers and addresses blanked",
  none: "left out",
};
const START: Record<Definition["start"], string> = {
  earliest: "with the oldest that the log holds",
  latest: "with what comes from now on",
};

/** How a secret is referred to. */
const REFERENCE = "$" + "{env:NAME}";

interface Props {
  /** What is written to begin with. */
  draft: Draft;
  isNew: boolean;
  presets: readonly Preset[];
  keepsSecrets: boolean;
  onPreset: (preset: string) => void;
  onSaved: () => void;
  onCancel: () => void;
}

/** Adds a destination or changes one. What is right for a tool is filled in by its preset. */
export function DestinationForm({ draft: first, isNew, presets, keepsSecrets, onPreset, onSaved, onCancel }: Props) {
  const [draft, setDraft] = useState(first);
  const set = (changes: Partial<Draft>) => setDraft({ ...draft, ...changes });
  const save = useMutation({
    mutationFn: () => saveDestination(definitionOf(draft, presets), isNew),
    onSuccess: onSaved,
  });
  const preset = presets.find(({ name }) => name === draft.preset);
  const secretHint = keepsSecrets ? `key, or ${REFERENCE}` : `${REFERENCE} of the exporter`;
  const field = (key: TextKey, label: string, hint?: string, size = 18) => (
    <TextField
      type={key === "key" ? "password" : "text"}
      value={draft[key]}
      onChange={(text) => set({ [key]: text })}
      isDisabled={key === "name" && !isNew}
    >
      <Label>{label}</Label>
      <Input
        size={size}
        spellCheck={false}
        {...(key === "key" && { autoComplete: "new-password" })}
        {...(hint && { placeholder: hint })}
      />
    </TextField>
  );
  const flag = (key: "llmOnly" | "errorsOnly", label: string) => (
    <Checkbox className={controls.check} isSelected={draft[key]} onChange={(on) => set({ [key]: on })}>
      {label}
    </Checkbox>
  );
  return (
    <Form
      className={`${controls.form} ${styles.form}`}
      aria-label={isNew ? "New destination" : `Destination ${draft.name}`}
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <Select
        label="Tool"
        value={draft.preset}
        options={[{ id: UNSAID, label: "another" }, ...presets.map(({ name }) => ({ id: name, label: name }))]}
        onChange={(name) => {
          set({ preset: name, name: draft.name === "" || draft.name === draft.preset ? presetName(name) : draft.name });
          onPreset(presetName(name));
        }}
      />
      {field("name", "Name", "phoenix", 14)}
      {field("endpoint", "Endpoint", preset?.endpoint ?? "http://host:4318", 34)}
      {preset?.options.map(({ name, needed, secret, default: otherwise }) => (
        <TextField
          key={name}
          type={secret ? "password" : "text"}
          value={draft.options[name] ?? ""}
          onChange={(text) => set({ options: { ...draft.options, [name]: text } })}
        >
          <Label>{name.replaceAll("_", " ") + (needed && draft.endpoint === "" ? " *" : "")}</Label>
          <Input
            size={20}
            spellCheck={false}
            autoComplete={secret ? "new-password" : "off"}
            placeholder={secret ? secretHint : (otherwise ?? "")}
          />
        </TextField>
      ))}
      <details open={draft.auth !== "none"}>
        <summary>Key and protocol</summary>
        <div>
          <Select<AuthKind>
            label="Shown as"
            value={draft.auth}
            options={optionsOf(AUTH_KINDS)}
            onChange={(auth) => set({ auth, key: "" })}
          />
          {(draft.auth === "basic" || draft.auth === "header") &&
            field("user", draft.auth === "basic" ? "User" : "Header", draft.auth === "basic" ? "" : "x-api-key")}
          {draft.auth !== "none" && field("key", draft.auth === "basic" ? "Password" : "Key", secretHint, 24)}
          <Select
            label="Protocol"
            value={draft.protocol}
            options={choices(preset?.protocol ?? "otlp-http", PROTOCOLS)}
            onChange={(protocol) => set({ protocol })}
          />
          <Select
            label="Dialect"
            value={draft.dialect}
            options={choices(preset?.dialect ?? "as-received", DIALECTS)}
            onChange={(dialect) => set({ dialect })}
          />
        </div>
      </details>
      <details open={!isNew}>
        <summary>Which spans, and what of them</summary>
        <div>
          {flag("llmOnly", "LLM spans only")}
          {flag("errorsOnly", "Failures only")}
          {field("projects", "Projects", "all", 14)}
          {field("services", "Services", "all", 14)}
          {field("query", "Filter", "cost:>0.01", 18)}
          {field("sampling", "Share of traces", "1", 4)}
          <Select
            label="Content"
            value={draft.content}
            options={optionsOf(CONTENT)}
            onChange={(content) => set({ content })}
          />
          <Select label="Begin" value={draft.start} options={optionsOf(START)} onChange={(start) => set({ start })} />
        </div>
      </details>
      {!keepsSecrets && (
        <p className={styles.hint}>
          Secrets are kept only encrypted: set LLMFLOW_SECRET_KEY, or refer to a variable of the exporter.
        </p>
      )}
      <Button type="submit" className={controls.button} isDisabled={draft.name.trim() === "" || save.isPending}>
        {isNew ? "Add" : "Save"}
      </Button>
      <Button className={controls.button} onPress={onCancel}>
        Cancel
      </Button>
      {save.error && <Failure error={save.error} />}
    </Form>
  );
}

type TextKey = "name" | "endpoint" | "user" | "key" | "projects" | "services" | "query" | "sampling";

function presetName(id: string): string {
  return id === UNSAID ? "" : id;
}

function choices(otherwise: string, all: readonly string[]): { id: string; label: string }[] {
  return [{ id: UNSAID, label: `${otherwise} (usual)` }, ...all.map((id) => ({ id, label: id }))];
}
