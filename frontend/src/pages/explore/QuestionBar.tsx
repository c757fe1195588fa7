import { ToggleButton } from "react-aria-components";
import bar from "../../filter/FilterBar.module.css";
import {
  aggregationsOf,
  type ExploreSearch,
  FORMS,
  type Form,
  GROUPINGS,
  INTERVALS,
  type Interval,
  isAdditive,
  isGrouping,
  LIMITS,
  type Limit,
  METRICS,
  type Metric,
  type Question,
} from "../../model/explore";
import { type Changes, withChanges } from "../../model/filters";
import { Choice } from "../../ui/Choice";
import { optionsOf, Select } from "../../ui/Select";

interface Props {
  search: ExploreSearch;
  question: Question;
  onChange: (search: ExploreSearch) => void;
}

const WHOLE = { id: "", label: "Nothing" };
const DIMENSIONS = [WHOLE, ...optionsOf(GROUPINGS)];

/** What is measured, of which groups, and how it is drawn. */
export function QuestionBar({ search, question, onChange }: Props) {
  const { metric, aggregation, by, interval, form } = question;
  const set = (changes: Changes<ExploreSearch>) => onChange(withChanges(search, changes));
  const group = (place: number, name: string) => {
    const names = name === "" ? by.slice(0, place) : [...by.slice(0, place), name, ...by.slice(place + 1)];
    set({ by: [...new Set(names)].join(",") });
  };
  const aggregations = aggregationsOf(metric);
  return (
    <section className={bar.bar} aria-label="Question">
      <Select<Metric>
        label="Measure"
        value={metric}
        options={Object.entries(METRICS).map(([id, { label }]) => ({ id: id as Metric, label }))}
        onChange={(chosen) => set({ metric: chosen, agg: undefined })}
      />
      {aggregations.length > 1 && (
        <Select label="As" value={aggregation} options={aggregations} onChange={(agg) => set({ agg })} />
      )}
      {[...by, ""].slice(0, 2).map((name, place) => (
        <Choice
          // biome-ignore lint/suspicious/noArrayIndexKey: a place is what each of them is
          key={place}
          label={place === 0 ? "By" : "and"}
          value={name}
          options={place === 0 ? DIMENSIONS : DIMENSIONS.filter(({ id }) => id !== by[0])}
          placeholder="attr.KEY"
          isValid={isGrouping}
          onChange={(chosen) => group(place, chosen)}
        />
      ))}
      <Select<Interval>
        label="Every"
        value={interval}
        options={optionsOf(INTERVALS)}
        onChange={(every) => set({ interval: every === "auto" ? undefined : every })}
      />
      {isAdditive(metric, aggregation) && (
        <Select<Form>
          label="Drawn as"
          value={form}
          options={optionsOf(FORMS)}
          onChange={(chosen) => set({ form: chosen === "lines" ? undefined : chosen })}
        />
      )}
      {by.length > 0 && (
        <Select<Limit>
          label="Largest"
          value={search.top ?? LIMITS[0]}
          options={LIMITS.map((id) => ({ id, label: id }))}
          onChange={(top) => set({ top: top === LIMITS[0] ? undefined : top })}
        />
      )}
      <ToggleButton
        className={bar.button}
        isSelected={question.compare}
        onChange={(on) => set({ compare: on ? "1" : undefined })}
      >
        Compare with before
      </ToggleButton>
    </section>
  );
}
