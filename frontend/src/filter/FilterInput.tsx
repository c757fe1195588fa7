import { IconFilter, IconX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type FocusEvent, type KeyboardEvent, useId, useLayoutEffect, useRef, useState } from "react";
import { Autocomplete, Button, Input, ListBox, ListBoxItem, TextField } from "react-aria-components";
import type { ApiError } from "../api/errors";
import { useShortcuts } from "../app/hooks";
import { fieldValuesQuery, filterFieldsQuery } from "../app/queries";
import type { ViewSearch } from "../model/filters";
import { writingAt } from "../model/filterText";
import field from "../ui/field.module.css";
import { type Completion, fieldCompletions, fieldOf, valueCompletions } from "./completion";
import styles from "./FilterInput.module.css";

interface Props {
  search: ViewSearch;
  /** What the API has against the filter. */
  error: ApiError | null;
  onCommit: (filter: string) => void;
  /** Whether the filter also applies when the focus leaves, as in a form. */
  appliesOnLeave?: boolean;
}

const NO_FIELDS = { fields: [], aliases: {} };

/** The filter as text, with completion of fields, operators and values. Enter applies it; `/` leads here. */
export function FilterInput({ search, error, onCommit, appliesOnLeave = false }: Props) {
  const committed = search.filter ?? "";
  const [last, setLast] = useState(committed);
  const [draft, setDraft] = useState(committed);
  const [cursor, setCursor] = useState(committed.length);
  const [open, setOpen] = useState(false);
  if (last !== committed) {
    setLast(committed);
    setDraft(committed);
  }
  const input = useRef<HTMLInputElement>(null);
  const wanted = useRef<number | null>(null);
  const problem = useId();
  useLayoutEffect(() => {
    if (wanted.current === null) return;
    input.current?.setSelectionRange(wanted.current, wanted.current);
    wanted.current = null;
  });
  useShortcuts({
    "/": (event) => {
      event.preventDefault();
      input.current?.focus();
    },
  });
  const completions = useCompletions(search, draft, cursor, open);

  const commit = (text: string) => {
    setOpen(false);
    onCommit(text.trim());
  };
  const take = (completion: Completion | undefined) => {
    if (!completion) return;
    const { from, to } = writingAt(draft, cursor);
    const text = draft.slice(0, from) + completion.text + draft.slice(to);
    wanted.current = from + completion.text.length;
    setDraft(text);
    setCursor(wanted.current);
    if (completion.whole) commit(text);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === "Escape" || event.key === "Tab") setOpen(false);
    if (event.key === "ArrowDown") setOpen(true);
    const choosing = event.currentTarget.getAttribute("aria-activedescendant");
    if (event.key === "Enter" && !choosing) {
      // Of a form around it, Enter would send what it was before.
      event.preventDefault();
      commit(draft);
    }
  };
  const onBlur = (event: FocusEvent) => {
    if (event.currentTarget.contains(event.relatedTarget)) return;
    setOpen(false);
    if (appliesOnLeave && draft.trim() !== committed) commit(draft);
  };
  const listed = open && completions.length > 0;
  return (
    <div className={styles.root}>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: only notices that the focus leaves */}
      <div className={styles.line} onBlur={onBlur}>
        <Autocomplete
          inputValue={draft}
          onInputChange={(text) => {
            setDraft(text);
            setCursor(input.current?.selectionStart ?? text.length);
            setOpen(true);
          }}
          disableAutoFocusFirst
        >
          <TextField
            className={`${field.field} ${styles.field}`}
            aria-label="Filter"
            aria-describedby={error ? problem : undefined}
            isInvalid={error !== null}
            data-set={committed === "" ? undefined : true}
          >
            <IconFilter size={15} stroke={1.6} aria-hidden />
            <Input
              ref={input}
              className={`${field.input} ${styles.input}`}
              placeholder='model:gpt-4o status:error cost:>0.01 "words"'
              spellCheck={false}
              autoComplete="off"
              autoCapitalize="none"
              maxLength={4096}
              onFocus={() => setOpen(true)}
              onSelect={(event) => setCursor(event.currentTarget.selectionStart ?? 0)}
              onKeyDown={onKeyDown}
            />
            {draft !== committed && !appliesOnLeave && <span className={styles.hint}>Enter applies</span>}
            {draft !== "" && (
              <Button
                slot={null}
                className={field.clear}
                aria-label="Clear the filter"
                onPress={() => {
                  setDraft("");
                  commit("");
                }}
              >
                <IconX size={14} stroke={1.8} aria-hidden />
              </Button>
            )}
          </TextField>
          {listed && (
            <div className={styles.popover}>
              <ListBox
                aria-label="Completions"
                className={field.list}
                items={completions}
                onAction={(key) => take(completions.find(({ text }) => encodeURIComponent(text) === key))}
              >
                {({ text, label, hint }) => (
                  <ListBoxItem
                    id={encodeURIComponent(text)}
                    className={`${field.option} ${styles.option}`}
                    textValue={label}
                  >
                    <code>{label}</code>
                    <span>{hint}</span>
                  </ListBoxItem>
                )}
              </ListBox>
            </div>
          )}
        </Autocomplete>
      </div>
      {error && (
        <p role="alert" id={problem} className={styles.error}>
          <Place filter={committed} position={error.position} />
          {error.message}
        </p>
      )}
    </div>
  );
}

/** The filter with the character marked at which it goes wrong. */
function Place({ filter, position }: { filter: string; position: number | null }) {
  if (position === null) return null;
  // The API counts characters, where JavaScript counts an emoji twice.
  const characters = [...filter];
  return (
    <code>
      {characters.slice(0, position).join("")}
      <mark>{characters[position]?.trim() || "␣"}</mark>
      {characters.slice(position + 1).join("")}
    </code>
  );
}

function useCompletions(search: ViewSearch, draft: string, cursor: number, open: boolean): Completion[] {
  const { data: language = NO_FIELDS } = useQuery({ ...filterFieldsQuery, enabled: open });
  const writing = writingAt(draft, cursor);
  const known = writing.what === "value" ? fieldOf(writing.field, language) : undefined;
  const name = known && writing.what === "value" ? [known.name, writing.key].filter(Boolean).join(".") : "";
  const values = useQuery({
    ...fieldValuesQuery(search, name, writing.typed),
    enabled: open && known !== undefined && (known.kind === "text" || (known.keyed && known.name !== "score")),
  });
  if (writing.what === "field") return fieldCompletions(writing.typed, language);
  return known ? valueCompletions(writing, known, values.data ?? []) : [];
}
