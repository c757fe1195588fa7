import type { ReactNode } from "react";
import { TimeRange } from "../../filter/FilterBar";
import bar from "../../filter/FilterBar.module.css";
import { DIRECTORY_RANGE, type DirectorySearch, inOrder, ORDERS } from "../../model/directory";
import { type Changes, withChanges } from "../../model/filters";
import { optionsOf, Select } from "../../ui/Select";

interface Props {
  search: DirectorySearch;
  onChange: (search: DirectorySearch) => void;
  children?: ReactNode;
}

/** Time and order of a list of users or models. */
export function DirectoryBar({ search, onChange, children }: Props) {
  const set = (changes: Changes<DirectorySearch>) => onChange(withChanges(search, changes));
  return (
    <section className={bar.bar} aria-label="Filters">
      <TimeRange search={search} otherwise={DIRECTORY_RANGE} onChange={set} />
      <Select
        label="By"
        value={search.order ?? "cost"}
        options={optionsOf(ORDERS)}
        onChange={(order) => onChange(inOrder(search, order))}
      />
      {children}
    </section>
  );
}
