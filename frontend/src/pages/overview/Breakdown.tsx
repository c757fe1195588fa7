import { useQueries } from "@tanstack/react-query";
import { analyticsQuery, type Measure } from "../../app/queries";
import { DIMENSIONS, type Dimension, formatValue, REQUESTS } from "../../model/analytics";
import type { ViewSearch } from "../../model/filters";
import { condition } from "../../model/filterText";
import { shownText } from "../../model/format";
import { DataTable } from "../../ui/DataTable";
import { optionsOf, Select } from "../../ui/Select";
import { SpansLink } from "../../ui/SpansLink";
import { whenEmpty } from "../../ui/whenEmpty";
import styles from "./OverviewPage.module.css";

const COLUMNS: { label: string; measure: Measure; filter: string }[] = [
  { label: "Requests", measure: { metric: "requests" }, filter: REQUESTS },
  { label: "Error rate", measure: { metric: "error_rate", filter: REQUESTS }, filter: `${REQUESTS} status:error` },
  { label: "Tokens", measure: { metric: "tokens" }, filter: "tokens:>0" },
  { label: "Cost", measure: { metric: "cost" }, filter: "cost:>0" },
  { label: "Latency p95", measure: { metric: "latency", aggregation: "p95", filter: REQUESTS }, filter: REQUESTS },
  { label: "First token p95", measure: { metric: "ttft", aggregation: "p95" }, filter: "ttft:*" },
];
/** Groups asked for, so that those with the most requests are among those of every other measure. */
const ASKED = 200;
const SHOWN = 20;

interface Props {
  search: ViewSearch;
  by: Dimension;
  onBy: (by: Dimension) => void;
}

/** The same measures for each model, user, service ... */
export function Breakdown({ search, by, onBy }: Props) {
  const results = useQueries({
    queries: COLUMNS.map(({ measure }) => analyticsQuery(search, "24h", { ...measure, groupBy: by, limit: ASKED })),
  });
  const values = results.map(({ data }) => new Map(data?.groups.map((group) => [group.key[by] ?? "", group.value])));
  const rows = [...(values[0]?.keys() ?? [])].slice(0, SHOWN);
  return (
    <section className={styles.breakdown} aria-label="Breakdown">
      <div>
        <h2>In detail</h2>
        <Select label="By" value={by} options={optionsOf(DIMENSIONS)} onChange={onBy} />
      </div>
      <DataTable
        label={`Measures by ${by}`}
        columns={[
          {
            header: DIMENSIONS[by],
            cell: (row) => (
              <SpansLink view={search} filters={[condition(by, row)]}>
                {shownText(row)}
              </SpansLink>
            ),
          },
          ...COLUMNS.map(({ label, filter }, place) => ({
            header: label,
            number: true,
            cell: (row: string) => (
              <SpansLink view={search} filters={[condition(by, row), filter]}>
                {formatValue(values[place]?.get(row), results[place]?.data?.unit ?? "count")}
              </SpansLink>
            ),
          })),
        ]}
        rows={rows}
        getId={(row) => row}
        empty={results[0] && whenEmpty(results[0], "requests", `No request names its ${by}.`)}
      />
    </section>
  );
}
