import { useQueries } from "@tanstack/react-query";
import { Checkbox, CheckboxGroup } from "react-aria-components";
import { facetsQuery } from "../app/queries";
import type { ViewSearch } from "../model/filters";
import { toggleValue, valuesOf, without } from "../model/filterText";
import { formatCount, shownText } from "../model/format";
import { Label } from "../ui/Label";
import styles from "./FacetPanel.module.css";

interface Props {
  search: ViewSearch;
  onFilter: (filter: string) => void;
}

const LABELS = {
  status: "Status",
  type: "Type",
  model: "Model",
  provider: "Provider",
  service: "Service",
  environment: "Environment",
  user: "User",
} as const;

const MOST = 10;
/** As many values of a field as the API counts; of what is beyond them the number is not known. */
const COUNTED = 50;

/** The values to filter by, each with its number of spans; a field's own values do not narrow what it offers. */
export function FacetPanel({ search, onFilter }: Props) {
  const filter = search.filter ?? "";
  const fields = Object.keys(LABELS) as (keyof typeof LABELS)[];
  const chosen = fields.map((field) => valuesOf(filter, field));
  const asked = fields.map((field, at) => (chosen[at]?.length ? without(filter, field) : filter));
  const filters = [...new Set(asked)];
  const answers = useQueries({ queries: filters.map((text) => facetsQuery({ ...search, filter: text })) });
  const facets = asked.map((text) => answers[filters.indexOf(text)]);
  return (
    <aside className={styles.panel} aria-label="Facets">
      {fields.map((field, at) => {
        const selected = chosen[at] ?? [];
        const counted = facets[at]?.data?.fields[field];
        const found = counted ?? [];
        const none = counted && counted.length < COUNTED ? 0 : null;
        const missing = selected.filter((value) => !found.some((facet) => facet.value === value));
        const shown = [
          ...missing.map((value) => ({ value, span_count: none })),
          ...found.filter(({ value }, place) => place < MOST || selected.includes(value)),
        ];
        if (shown.length === 0) return null;
        return (
          <CheckboxGroup
            key={field}
            className={styles.facet}
            value={selected}
            onChange={(values) => {
              const changed =
                values.find((value) => !selected.includes(value)) ?? selected.find((value) => !values.includes(value));
              if (changed !== undefined) onFilter(toggleValue(filter, field, changed));
            }}
          >
            <Label className={styles.name}>{LABELS[field]}</Label>
            {shown.map(({ value, span_count }) => (
              <Checkbox key={value} value={value} className={styles.value}>
                <span className={styles.box} aria-hidden />
                <span className={styles.text} title={value}>
                  {shownText(value)}
                </span>
                <span className={styles.count}>{span_count !== null && formatCount(span_count)}</span>
              </Checkbox>
            ))}
          </CheckboxGroup>
        );
      })}
      <p className={styles.note}>
        {facets[0]?.data?.sampled ? "Counted among the newest 50,000 spans" : "Numbers of spans"}
        {search.range || search.from || search.to ? "." : ", of the last 30 days."}
      </p>
    </aside>
  );
}
