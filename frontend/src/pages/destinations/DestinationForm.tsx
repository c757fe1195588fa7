import { useMutation } from "@tanstack/react-query";
import { useId } from "react";
import { Button, Checkbox, Form } from "react-aria-components";
import { saveDestination } from "../../api/client";
import { problemOf } from "../../api/errors";
import { Unsaved } from "../../app/Unsaved";
import { useDraft } from "../../app/useDraft";
import { useFormFocus } from "../../app/useFormFocus";
import {
  type Definition,
  type Destination,
  type Draft,
  definitionOf,
  draftOf,
  type Preset,
  UNSAID,
  withPause,
} from "../../model/destinations";
import { meanwhileOf } from "../../model/meanwhile";
import controls from "../../ui/controls.module.css";
import { Field } from "../../ui/Field";
import { MeanwhileNotice } from "../../ui/MeanwhileNotice";
import { optionsOf, Select } from "../../ui/Select";
import { ConnectionFields } from "./ConnectionFields";
import styles from "./Destinations.module.css";
import { SecretField } from "./SecretField";

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

/** A change by oneself beside the form: the versions before and after. */
export interface Step {
  from: string | null;
  to: string | null;
}

interface Props {
  /** As it is kept now; null for a new one, and for one that is gone. */
  now: Destination | null;
  /** Of a new one. */
  chosen: string | undefined;
  /** That it was last paused or resumed, which the form leaves to the list. */
  step: Step | undefined;
  presets: readonly Preset[];
  keepsSecrets: boolean;
  onPreset: (preset: string) => void;
  onSaved: () => Promise<void>;
  /** It was not saved, perhaps since it is another one now. */
  onRefused: () => void;
  onCancel: () => void;
}

/** Adds a destination or changes one. What is right for a tool is filled in by its preset. */
export function DestinationForm(props: Props) {
  const { now, chosen, step, presets, keepsSecrets, onPreset, onSaved, onRefused, onCancel } = props;
  const { draft, setDraft, begun, setBegun, turn, isChanged, begin } = useDraft(now, (kept) =>
    draftOf(kept?.definition ?? undefined, chosen),
  );
  if (step && step.from !== step.to && begun?.version === step.from && now?.version === step.to) setBegun(now);
  const isNew = begun === null;
  const form = useFormFocus();
  const aboutSecrets = useId();
  const told = keepsSecrets ? undefined : aboutSecrets;
  const save = useMutation({
    mutationFn: (over: Destination | null) => saveDestination(over, withPause(definitionOf(draft, presets), now)),
    onSuccess: onSaved,
    onError: onRefused,
  });
  const set = (changes: Partial<Draft>) => {
    if (save.error) save.reset();
    setDraft({ ...draft, ...changes });
  };
  const meanwhile = save.isPending || save.isSuccess ? null : meanwhileOf(begun, now);
  const preset = presets.find(({ name }) => name === draft.preset);
  const secretHint = keepsSecrets ? `key, or ${REFERENCE}` : `${REFERENCE} of the exporter`;
  const field = (key: TextKey, label: string, hint?: string, size = 18) => (
    <Field
      label={label}
      value={draft[key]}
      onChange={(text) => set({ [key]: text })}
      isDisabled={key === "name" && !isNew}
      problem={problemOf(save.error, FIELDS[key])}
      input={{ size, spellCheck: false, ...(hint && { placeholder: hint }) }}
    />
  );
  const flag = (key: "llmOnly" | "errorsOnly", label: string) => (
    <Checkbox className={controls.check} isSelected={draft[key]} onChange={(on) => set({ [key]: on })}>
      {label}
    </Checkbox>
  );
  return (
    <Form
      ref={form}
      className={`${controls.form} ${styles.form}`}
      aria-label={isNew ? "New destination" : `Destination ${draft.name}`}
      onSubmit={(event) => {
        event.preventDefault();
        if (!save.isPending) save.mutate(begun);
      }}
    >
      <Unsaved when={isChanged} />
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
      {preset?.options.map(({ name, needed, secret, default: otherwise }) => {
        const label = name.replaceAll("_", " ") + (needed && draft.endpoint === "" ? " *" : "");
        const value = draft.options[name] ?? "";
        const change = (text: string) => set({ options: { ...draft.options, [name]: text } });
        return secret ? (
          <SecretField
            key={`${name} ${turn}`}
            label={label}
            value={value}
            hint={secretHint}
            told={told}
            problem={problemOf(save.error, `options.${name}`)}
            onChange={change}
          />
        ) : (
          <Field
            key={name}
            label={label}
            value={value}
            onChange={change}
            autoComplete="off"
            problem={problemOf(save.error, `options.${name}`)}
            input={{ size: 20, spellCheck: false, placeholder: otherwise ?? "" }}
          />
        );
      })}
      <ConnectionFields draft={draft} turn={turn} preset={preset} secretHint={secretHint} told={told} onChange={set} />
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
        <p id={aboutSecrets} className={styles.hint}>
          Secrets are kept only encrypted: set LLMFLOW_SECRET_KEY, or refer to a variable of the exporter.
        </p>
      )}
      <Button
        type="submit"
        className={controls.button}
        isDisabled={draft.name.trim() === "" || meanwhile !== null}
        data-pending={save.isPending || undefined}
      >
        {isNew ? "Add" : "Save"}
      </Button>
      <Button className={controls.button} onPress={onCancel}>
        Cancel
      </Button>
      <MeanwhileNotice state={meanwhile} save={save} onShow={() => begin(now)} onSave={() => save.mutate(now)} />
    </Form>
  );
}

type TextKey = "name" | "endpoint" | "projects" | "services" | "query" | "sampling";

/** What the API calls them. */
const FIELDS: Record<TextKey, string> = {
  name: "name",
  endpoint: "endpoint",
  projects: "filter.projects",
  services: "filter.services",
  query: "filter.query",
  sampling: "sampling",
};

function presetName(id: string): string {
  return id === UNSAID ? "" : id;
}
