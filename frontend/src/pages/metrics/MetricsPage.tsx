import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { metricQuery, metricsQuery } from "../../app/signalQueries";
import { MetricChart } from "../../charts/MetricChart";
import { TimeRange } from "../../filter/FilterBar";
import bar from "../../filter/FilterBar.module.css";
import { type Changes, type ViewSearch, withChanges } from "../../model/filters";
import { formatCount } from "../../model/format";
import {
  FUNCTIONS,
  METRICS_RANGE,
  type MetricQuestion,
  type MetricSearch,
  metricCourse,
  totalsOf,
  usualFunction,
} from "../../model/metrics";
import { DataTable, FoundTable } from "../../ui/DataTable";
import { Failure } from "../../ui/Failure";
import { Page } from "../../ui/Page";
import { optionsOf, Select } from "../../ui/Select";
import tables from "../../ui/table.module.css";
import { whenEmpty } from "../../ui/whenEmpty";
import styles from "./MetricsPage.module.css";

/** The metrics that applications and tools sent over OTLP, and one of them over time. */
export function MetricsPage() {
  const search = useSearch({ from: "/session/otlp-metrics" });
  const navigate = useNavigate({ from: "/otlp-metrics" });
  const query = useQuery(metricsQuery(search, METRICS_RANGE));
  const metrics = query.data ?? [];
  const metric = metrics.find(({ name }) => name === search.name) ?? metrics[0];
  const asked = { function: search.function ?? (metric ? usualFunction(metric.type) : "sum"), by: search.by ?? "" };
  const set = (changes: Changes<MetricSearch>) => navigate({ search: withChanges(search, changes) });
  return (
    <Page
      title="Metrics"
      scrolls
      bar={
        <section className={bar.bar} aria-label="Filters">
          <TimeRange search={search} otherwise={METRICS_RANGE} onChange={set} />
          {metric && (
            <>
              <Select
                label="As"
                value={asked.function}
                options={optionsOf(FUNCTIONS)}
                onChange={(chosen) => set({ function: chosen === usualFunction(metric.type) ? undefined : chosen })}
              />
              <Select
                label="By"
                value={asked.by}
                options={["", ...metric.attributes].map((id) => ({ id, label: id || "Nothing" }))}
                onChange={(by) => set({ by: by || undefined })}
              />
            </>
          )}
        </section>
      }
    >
      {query.error && <Failure error={query.error} onRetry={() => query.refetch()} />}
      {metric && (
        <div className={styles.chosen}>
          <MetricChart
            title={metric.name}
            metric={metric}
            asked={asked}
            search={search}
            otherwise={METRICS_RANGE}
            height={240}
            onRange={(range) => set({ range: undefined, ...range })}
          />
          {metric.description && <p className={styles.description}>{metric.description}</p>}
          <Totals search={search} name={metric.name} unit={metric.unit} asked={asked} />
        </div>
      )}
      <FoundTable
        label="Metrics"
        columns={[
          {
            header: "Metric",
            cell: ({ name }: (typeof metrics)[number]) => (
              <button
                type="button"
                className={styles.name}
                aria-current={name === metric?.name}
                onClick={() => set({ name, by: undefined, function: undefined })}
              >
                {name}
              </button>
            ),
          },
          { header: "Type", cell: ({ type }) => type.replaceAll("_", " ") },
          { header: "Unit", cell: ({ unit }) => unit || "–" },
          { header: "Series", number: true, cell: ({ series_count }) => series_count.toLocaleString("en-US") },
          { header: "Services", cell: ({ services }) => services.join(", ") },
          {
            header: "Differ by",
            cell: ({ attributes }) => <span className={tables.quiet}>{attributes.join(", ")}</span>,
          },
        ]}
        rows={metrics}
        getId={({ name, unit, type, temporality }) => [name, unit, type, temporality].join(" ")}
        textOf={({ name }) => name}
        empty={whenEmpty(query, "metrics", "No metric in this time. Send them over OTLP, to /v1/metrics.")}
      />
    </Page>
  );
}

interface TotalsProps {
  search: ViewSearch;
  name: string;
  unit: string;
  asked: MetricQuestion;
}

/** What each line of the chart came to. */
function Totals({ search, name, unit, asked }: TotalsProps) {
  const { data } = useQuery(metricQuery(search, METRICS_RANGE, { name, ...asked }));
  const course = data && metricCourse(data.result, data, unit, asked);
  if (!course || asked.by === "") return null;
  const more = data.result.line_count - course.series.length;
  return (
    <>
      <DataTable
        label={`${name} by ${asked.by}`}
        columns={[
          { header: asked.by, cell: ({ label }: { label: string; value: string }) => label },
          { header: "Value", number: true, cell: ({ value }) => value },
        ]}
        rows={totalsOf(course, asked.function)}
        getId={({ label }) => label}
        empty="No points in this time."
      />
      {more > 0 && <p>{`and ${formatCount(more)} that come to less`}</p>}
    </>
  );
}
