import type { ReactNode } from "react";
import { TimeRange } from "../../filter/FilterBar";
import bar from "../../filter/FilterBar.module.css";
import { DIRECTORY_RANGE, type DirectorySearch, ORDERS, type Order } from "../../model/directory";
import { Select } from "../../ui/Select";

interface Props {
  search: DirectorySearch;
  onChange: (search: DirectorySearch) => void;
  children?: ReactNode;
}

/** Time and order of a list of users or models. */
export function DirectoryBar({ search, onChange, children }: Props) {
  const set = (changes: Partial<Record<keyof DirectorySearch, string | undefined>>) =>
    onChange(Object.fromEntries(Object.entries({ ...search, ...changes }).filter(([, value]) => value)));
  return (
    <section className={bar.bar} aria-label="Filters">
      <TimeRange search={search} otherwise={DIRECTORY_RANGE} onChange={set} />
      <Select
        label="By"
        value={search.order ?? "cost"}
        options={Object.entries(ORDERS).map(([id, label]) => ({ id: id as Order, label }))}
        onChange={(order) => set({ order: order === "cost" ? undefined : order })}
      />
      {children}
    </section>
  );
}
