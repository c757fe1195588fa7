import { Link } from "@tanstack/react-router";
import type { Wire } from "../../api/client";
import {
  formatAnswer,
  formatChange,
  type GroupRow,
  groupingLabel,
  METRICS,
  periodBefore,
  type Question,
  rowsOf,
  spansOf,
} from "../../model/explore";
import type { ViewSearch } from "../../model/filters";
import { formatCount, formatPercent, shownText } from "../../model/format";
import { CsvButton } from "../../ui/CsvButton";
import { type DataColumn, DataTable } from "../../ui/DataTable";
import styles from "./ExplorePage.module.css";

interface Props {
  question: Question;
  search: ViewSearch;
  answer: Wire["Analytics"];
  /** The answer for the period before, when it is asked for. */
  before: Wire["Analytics"] | undefined;
}

/** The values of all groups and the total, each of which leads to its spans. */
export function Groups({ question, search, answer, before }: Props) {
  const { by, metric } = question;
  const { label, filter } = METRICS[metric];
  const rows = rowsOf(question, answer, before);
  const to = (text: string, view: ViewSearch) => (
    <Link to="/spans" search={view}>
      {text}
    </Link>
  );
  const earlier = before && periodBefore(answer);
  const number = { number: true };
  const columns: DataColumn<GroupRow>[] = [
    ...by.map((name, place) => ({
      header: groupingLabel(name),
      cell: (row: GroupRow) => to(shownText(row.keys[place] ?? ""), spansOf(search, answer, row.filter)),
      ...(place === 0 && { total: "All" }),
    })),
    ...(by.length === 0 ? [{ header: "Of", cell: () => "All" }] : []),
    {
      ...number,
      header: label,
      cell: (row) => to(formatAnswer(row.value, answer), spansOf(search, answer, row.filter, filter)),
      total: to(formatAnswer(answer.total.value, answer), spansOf(search, answer, filter)),
    },
    ...(rows.some(({ share }) => share !== null)
      ? [
          {
            ...number,
            header: "Share",
            cell: ({ share, filter: of }: GroupRow) =>
              share === null ? "–" : to(formatPercent(share), spansOf(search, answer, of, filter)),
          },
        ]
      : []),
    ...(before && earlier
      ? [
          {
            ...number,
            header: "Before",
            cell: (row: GroupRow) =>
              to(formatAnswer(row.before, before), spansOf(search, { ...before, ...earlier }, row.filter, filter)),
            total: to(formatAnswer(before.total.value, before), spansOf(search, { ...before, ...earlier }, filter)),
          },
          {
            ...number,
            header: "Change",
            cell: (row: GroupRow) =>
              to(formatChange(row.value, row.before), spansOf(search, answer, row.filter, filter)),
            total: to(formatChange(answer.total.value, before.total.value), spansOf(search, answer, filter)),
          },
        ]
      : []),
    {
      ...number,
      header: "Spans",
      cell: (row) => to(formatCount(row.spans), spansOf(search, answer, row.filter)),
      total: to(formatCount(answer.total.span_count), spansOf(search, answer)),
    },
  ];
  const csv = () => [
    [...by, answer.metric, "unit", "spans", ...(before ? ["before"] : [])],
    ...rows.map((row) => [...row.keys, row.value, answer.unit, row.spans, ...(before ? [row.before] : [])]),
    [
      ...by.map((_, place) => (place === 0 ? "(all)" : "")),
      answer.total.value,
      answer.unit,
      answer.total.span_count,
      ...(before ? [before.total.value] : []),
    ],
  ];
  return (
    <section className={styles.groups} aria-label="Table">
      <div>
        <h2>In numbers</h2>
        <CsvButton name={`llmflow-${[metric, ...by].join("-").replaceAll(/[^\w.-]+/g, "_")}`} rows={csv} />
      </div>
      <DataTable
        label={`${label} in numbers`}
        columns={by.length > 0 ? columns : columns.map(({ total: _, ...column }) => column)}
        rows={by.length > 0 ? rows : [whole(answer, before)]}
        getId={({ id }) => id}
        empty={`No span in this time has ${by.map((name) => `a value of ${groupingLabel(name)}`).join(" and ")}.`}
      />
    </section>
  );
}

/** The only row where nothing is grouped. */
function whole({ total }: Wire["Analytics"], before: Wire["Analytics"] | undefined): GroupRow {
  const earlier = before ? before.total.value : undefined;
  return { id: "", keys: [], filter: "", value: total.value, spans: total.span_count, share: null, before: earlier };
}
