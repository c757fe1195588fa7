import { IconAdjustmentsHorizontal } from "@tabler/icons-react";
import { useId, useState } from "react";
import { Button, ToggleButton } from "react-aria-components";
import { DEFAULT_PROJECT, isFiltered, RANGES, type RangeName, type TraceSearch } from "../../model/filters";
import type { Trace } from "../../model/trace";
import { FilterField } from "../../ui/FilterField";
import { Select } from "../../ui/Select";
import styles from "./FilterBar.module.css";
import { RangeDates } from "./RangeDates";

interface Props {
  search: TraceSearch;
  projects: readonly string[];
  /** The traces on show; their values are suggested. */
  traces: readonly Trace[];
  onChange: (search: TraceSearch) => void;
}

type RangeChoice = RangeName | "all" | "custom";

const RANGE_OPTIONS: { id: RangeChoice; label: string }[] = [
  { id: "all", label: "All time" },
  ...Object.entries(RANGES).map(([id, { label }]) => ({ id: id as RangeName, label })),
  { id: "custom", label: "From … to …" },
];

export function FilterBar({ search, projects, traces, onChange }: Props) {
  const [open, setOpen] = useState(false);
  const panel = useId();
  const set = (changes: { [K in keyof TraceSearch]: TraceSearch[K] | undefined }) => {
    const next = { ...search, ...changes };
    onChange(Object.fromEntries(Object.entries(next).filter(([, value]) => value)) as TraceSearch);
  };
  const project = search.project ?? DEFAULT_PROJECT;
  const choices = [...new Set([DEFAULT_PROJECT, ...projects, project])];
  const range: RangeChoice = search.range ?? (search.from || search.to ? "custom" : "all");
  const setRange = (choice: RangeChoice) => {
    const custom = choice === "custom" ? startOfToday() : undefined;
    set({ range: choice === "all" || choice === "custom" ? undefined : choice, from: custom, to: undefined });
  };
  const text = (key: "model" | "service" | "user" | "session", label: string, seen: (trace: Trace) => unknown) => (
    <FilterField
      label={label}
      value={search[key] ?? ""}
      suggestions={distinct(traces, seen)}
      onCommit={(value) => set({ [key]: value })}
    />
  );
  return (
    <section className={styles.bar} aria-label="Filters">
      <div className={styles.always}>
        <Select
          label="Project"
          value={project}
          options={choices.map((id) => ({ id, label: id }))}
          onChange={(id) => onChange(id === DEFAULT_PROJECT ? {} : { project: id })}
        />
        <Button
          className={styles.more}
          aria-expanded={open}
          aria-controls={panel}
          onPress={() => setOpen((shown) => !shown)}
        >
          <IconAdjustmentsHorizontal size={16} stroke={1.6} aria-hidden />
          Filters
          {isFiltered(search) && <span className={styles.dot} role="img" aria-label="active" />}
        </Button>
      </div>
      <div id={panel} className={styles.panel} data-open={open || undefined}>
        <Select label="Time" value={range} options={RANGE_OPTIONS} onChange={setRange} />
        {range === "custom" && <RangeDates from={search.from} to={search.to} onChange={set} />}
        {text("model", "Model", (trace) => trace.models)}
        {text("service", "Service", (trace) => trace.service)}
        {text("user", "User", (trace) => trace.userId)}
        {text("session", "Session", (trace) => trace.sessionId)}
        <ToggleButton
          className={styles.errors}
          isSelected={search.errors === "1"}
          onChange={(on) => set({ errors: on ? "1" : undefined })}
        >
          Errors only
        </ToggleButton>
        {isFiltered(search) && (
          <Button className={styles.clear} onPress={() => onChange(project === DEFAULT_PROJECT ? {} : { project })}>
            Clear filters
          </Button>
        )}
      </div>
    </section>
  );
}

function distinct(traces: readonly Trace[], seen: (trace: Trace) => unknown): string[] {
  const values = traces.flatMap((trace) => seen(trace)).filter((value) => typeof value === "string" && value !== "");
  return [...new Set(values as string[])].sort();
}

function startOfToday(): string {
  const today = new Date();
  today.setHours(0, 0, 0, 0);
  return today.toISOString();
}
