import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { ToggleButton } from "react-aria-components";
import type { Wire } from "../../api/client";
import { modelsQuery } from "../../app/queries";
import { TimeRange } from "../../filter/FilterBar";
import bar from "../../filter/FilterBar.module.css";
import { fromPercentile, NO_SUMS, REQUESTS, UNPRICED } from "../../model/analytics";
import { DIRECTORY_RANGE, type ModelSearch } from "../../model/directory";
import { type Changes, inProject, withChanges } from "../../model/filters";
import { condition } from "../../model/filterText";
import { formatCost, formatCount, formatDuration } from "../../model/format";
import { rateOf } from "../../model/prices";
import { dollars } from "../../model/trace";
import { type DataColumn, FoundTable } from "../../ui/DataTable";
import { Failure } from "../../ui/Failure";
import { Page } from "../../ui/Page";
import { narrowed, SpansLink } from "../../ui/SpansLink";
import tables from "../../ui/table.module.css";
import { OrderSelect, orderBy } from "./Order";
import { Rest } from "./Rest";
import { USAGE } from "./UsersPage";

type Row = Wire["ModelUsage"];

/** Which models were used, what they cost and how fast they were, and those that have no price. */
export function ModelsPage() {
  const search = useSearch({ from: "/session/models" });
  const navigate = useNavigate({ from: "/models" });
  const query = useQuery(modelsQuery(search));
  const { view = {}, models = [] } = query.data ?? {};
  const of = ({ model, provider }: Row) =>
    `${condition("model", model)} ${provider ? condition("provider", provider) : "NOT provider:*"}`;
  const slower = (row: Row, field: "duration" | "ttft", ns: number | null) =>
    ns === null ? (
      "–"
    ) : (
      <SpansLink view={view} filters={[of(row), REQUESTS, fromPercentile(field, ns)]}>
        {formatDuration(ns)}
      </SpansLink>
    );
  const change = (next: ModelSearch) => navigate({ search: next });
  const set = (changes: Changes<ModelSearch>) => change(withChanges(search, changes));
  const columns: DataColumn<Row>[] = [
    {
      header: "Model",
      cell: (row) => (
        <Link
          to="/overview"
          search={{ ...narrowed(view, [of(row)]), by: "user" }}
          title="Its cost, tokens, times and errors, and who used it"
        >
          {row.model}
        </Link>
      ),
    },
    { header: "Provider", cell: (row) => <span className={tables.quiet}>{row.provider}</span> },
    ...USAGE.map(({ order, header, filter, cell }) => ({
      header,
      number: true,
      order: orderBy(order, search, change),
      cell: (row: Row) => (
        <SpansLink view={view} filters={[of(row), filter, filter === REQUESTS ? "" : NO_SUMS]}>
          {cell(row.usage)}
        </SpansLink>
      ),
    })),
    {
      header: "$ per 1M tokens",
      number: true,
      cell: (row) => (
        <SpansLink view={view} filters={[of(row), "cost:>0", NO_SUMS]}>
          {average(row.usage)}
        </SpansLink>
      ),
    },
    {
      header: "Price",
      cell: (row) => (
        <Link
          to="/prices"
          search={{ ...inProject(search.project), model: row.model, ...(row.provider && { provider: row.provider }) }}
        >
          {row.price ? `${rateOf(row.price, "input")} in, ${rateOf(row.price, "output")} out` : "set one"}
        </Link>
      ),
    },
    ...(models.some(({ usage }) => usage.unpriced_count > 0)
      ? [
          {
            header: "Without a price",
            number: true,
            cell: (row: Row) =>
              row.usage.unpriced_count === 0 ? (
                <span className={tables.quiet}>–</span>
              ) : (
                <SpansLink view={view} filters={[of(row), UNPRICED]}>
                  {formatCount(row.usage.unpriced_count)}
                </SpansLink>
              ),
          },
        ]
      : []),
    { header: "Latency p50", number: true, cell: (row) => slower(row, "duration", row.latency.p50) },
    { header: "p95", number: true, cell: (row) => slower(row, "duration", row.latency.p95) },
    { header: "First token p50", number: true, cell: (row) => slower(row, "ttft", row.time_to_first_token.p50) },
  ];
  return (
    <Page
      title="Models"
      scrolls
      bar={
        <section className={bar.bar} aria-label="Filters">
          <TimeRange search={search} otherwise={DIRECTORY_RANGE} onChange={set} />
          <OrderSelect search={search} onChange={change} />
          <ToggleButton
            className={bar.button}
            isSelected={search.unpriced === "1"}
            onChange={(on) => set({ unpriced: on ? "1" : undefined })}
          >
            Without a price
          </ToggleButton>
        </section>
      }
    >
      {query.error && !query.data ? (
        <Failure error={query.error} onRetry={() => query.refetch()} />
      ) : (
        <>
          <FoundTable
            label="Models and their usage"
            columns={columns}
            rows={models}
            getId={(row) => `${row.provider}/${row.model}`}
            textOf={({ model, provider }) => `${provider ?? ""} ${model}`}
            empty={query.isPending ? "Loading models…" : nothing(search.unpriced === "1")}
          />
          <Rest
            noun="models"
            count={models.length}
            hint="Another order or a shorter time leads to the others."
            search={search}
            onChange={change}
          />
        </>
      )}
    </Page>
  );
}

function nothing(unpriced: boolean): string {
  return unpriced
    ? "Every call in this time has a price."
    : "No call in this time names its model. Choose a longer time, or send a first trace.";
}

/** What a million tokens cost on average, of the calls that have a price. */
function average({ cost, input_tokens, output_tokens, unpriced_count }: Wire["Usage"]) {
  const tokens = input_tokens + output_tokens;
  const usd = dollars(cost);
  if (tokens === 0 || usd === null || unpriced_count > 0) return <span className={tables.quiet}>–</span>;
  return formatCost((usd / tokens) * 1e6);
}
