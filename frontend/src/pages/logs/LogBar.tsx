import { IconSearch, IconX } from "@tabler/icons-react";
import { useState } from "react";
import { Button, Input, SearchField } from "react-aria-components";
import type { Wire } from "../../api/client";
import { TimeRange } from "../../filter/FilterBar";
import bar from "../../filter/FilterBar.module.css";
import { type Changes, withChanges } from "../../model/filters";
import {
  LOG_RANGE,
  type LogCondition,
  type LogSearch,
  SEVERITIES,
  type Severity,
  TOOLS,
  type Tool,
} from "../../model/logs";
import { Choice } from "../../ui/Choice";
import field from "../../ui/field.module.css";
import { optionsOf, Select } from "../../ui/Select";
import styles from "./LogsPage.module.css";

interface Props {
  search: LogSearch;
  /** What is on show, whose values can be chosen. */
  rows: readonly Wire["LogEntry"][];
  onChange: (search: LogSearch) => void;
}

const ANY = { id: "", label: "Any" } as const;

/** Time, severity and source of a list of logs, and what its records say. */
export function LogBar({ search, rows, onChange }: Props) {
  const set = (changes: Changes<LogSearch>) => onChange(withChanges(search, { log: undefined, ...changes }));
  const choice = (label: string, name: "service" | "event_name", values: string[]) => (
    <Choice
      label={label}
      value={search[name] ?? ""}
      options={[ANY, ...[...new Set(values)].filter(Boolean).map((id) => ({ id, label: id }))]}
      isValid={() => true}
      onChange={(value) => set({ [name]: value || undefined })}
    />
  );
  return (
    <section className={bar.bar} aria-label="Filters">
      <TimeRange
        search={search}
        otherwise={LOG_RANGE}
        onChange={(range) => set(range as Pick<LogSearch, "range" | "from" | "to">)}
      />
      <Select<Severity | "">
        label="At least"
        value={search.severity ?? ""}
        options={[ANY, ...optionsOf(SEVERITIES)]}
        onChange={(severity) => set({ severity: severity || undefined })}
      />
      <Select<Tool | "">
        label="Tool"
        value={search.tool ?? ""}
        options={[ANY, ...optionsOf(TOOLS)]}
        onChange={(tool) => set({ tool: tool || undefined })}
      />
      {choice(
        "Service",
        "service",
        rows.map(({ service }) => service),
      )}
      {choice(
        "Event",
        "event_name",
        rows.map(({ event_name }) => event_name),
      )}
      <TextSearch value={search.text ?? ""} onCommit={(text) => set({ text: text || undefined })} />
      {(["session_id", "trace_id"] as const).map(
        (name) =>
          search[name] && (
            <Button
              key={name}
              className={`${bar.button} ${styles.chip}`}
              aria-label={`Of any ${WORDS[name]}`}
              onPress={() => set({ [name]: undefined })}
            >
              <span>
                {WORDS[name]} {search[name]}
              </span>
              <IconX size={14} stroke={1.8} aria-hidden />
            </Button>
          ),
      )}
    </section>
  );
}

const WORDS: Partial<Record<LogCondition, string>> = { session_id: "session", trace_id: "trace" };

function TextSearch({ value, onCommit }: { value: string; onCommit: (text: string) => void }) {
  const [last, setLast] = useState(value);
  const [text, setText] = useState(value);
  if (last !== value) {
    setLast(value);
    setText(value);
  }
  return (
    <SearchField
      className={`${field.field} ${styles.search}`}
      aria-label="Text in body or attributes"
      value={text}
      onChange={setText}
      onSubmit={(written) => onCommit(written.trim())}
      onClear={() => onCommit("")}
    >
      <IconSearch size={14} stroke={1.6} aria-hidden />
      <Input className={field.input} placeholder="Text in body or attributes" spellCheck={false} />
    </SearchField>
  );
}
