import { IconLayoutSidebar } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { ToggleButton } from "react-aria-components";
import { ApiError } from "../api/errors";
import { type Changes, type ListSearch, RANGES, type RangeName, type ViewSearch, withChanges } from "../model/filters";
import { toggleValue, valuesOf } from "../model/filterText";
import { Select } from "../ui/Select";
import styles from "./FilterBar.module.css";
import { FilterInput } from "./FilterInput";
import { RangeDates } from "./RangeDates";

interface Props<S extends ViewSearch> {
  search: S;
  /** What went wrong with the view's query; when it is the filter, that is shown here. */
  error?: Error | null;
  /** The range where the URL names none; all time without it. */
  otherwise?: RangeName;
  onChange: (search: S) => void;
  besideTime?: ReactNode;
  children?: ReactNode;
}

type RangeChoice = RangeName | "all" | "custom";

/** Time and filter of a view, all of which are kept in its URL. */
export function FilterBar<S extends ViewSearch>({
  search,
  error = null,
  otherwise,
  onChange,
  besideTime,
  children,
}: Props<S>) {
  const set = (changes: Changes<ViewSearch>) => onChange(withChanges<ViewSearch>(search, changes) as S);
  return (
    <section className={styles.bar} aria-label="Filters">
      <TimeRange search={search} otherwise={otherwise} onChange={set} />
      {besideTime}
      <FilterInput
        search={search}
        error={isFilterError(error) ? error : null}
        onCommit={(filter) => set({ filter: filter || undefined })}
      />
      <ToggleButton
        className={styles.errors}
        isSelected={valuesOf(search.filter ?? "", "status").includes("error")}
        onChange={() => set({ filter: toggleValue(search.filter ?? "", "status", "error") || undefined })}
      >
        Errors only
      </ToggleButton>
      {children}
    </section>
  );
}

/** Whether the API refused the filter, which the filter bar then says. */
export function isFilterError(error: Error | null): error is ApiError {
  return error instanceof ApiError && error.field === "filter";
}

export function FacetsToggle({
  shown,
  onChange,
}: {
  shown: boolean;
  onChange: (facets: ListSearch["facets"]) => void;
}) {
  return (
    <ToggleButton
      className={styles.button}
      aria-label="Facets"
      isSelected={shown}
      onChange={(on) => onChange(on ? "1" : "0")}
    >
      <IconLayoutSidebar size={16} stroke={1.6} aria-hidden />
    </ToggleButton>
  );
}

interface RangeProps {
  search: ViewSearch;
  otherwise: RangeName | undefined;
  onChange: (changes: { range?: string | undefined; from?: string | undefined; to?: string | undefined }) => void;
}

export function TimeRange({ search, otherwise, onChange }: RangeProps) {
  const range: RangeChoice = search.range ?? (search.from || search.to ? "custom" : (otherwise ?? "all"));
  const options: { id: RangeChoice; label: string }[] = [
    ...(otherwise ? [] : [{ id: "all" as const, label: "All time" }]),
    ...Object.entries(RANGES).map(([id, { label }]) => ({ id: id as RangeName, label })),
    { id: "custom", label: "From … to …" },
  ];
  const choose = (choice: RangeChoice) => {
    const named = choice === "all" || choice === "custom" || choice === otherwise ? undefined : choice;
    onChange({ range: named, from: choice === "custom" ? startOfToday() : undefined, to: undefined });
  };
  return (
    <>
      <Select label="Time" value={range} options={options} onChange={choose} />
      {range === "custom" && <RangeDates from={search.from} to={search.to} onChange={onChange} />}
    </>
  );
}

function startOfToday(): string {
  const today = new Date();
  today.setHours(0, 0, 0, 0);
  return today.toISOString();
}
