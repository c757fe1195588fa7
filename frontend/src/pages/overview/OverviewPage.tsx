import { useQueries } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { analyticsQuery, type Measure } from "../../app/queries";
import { ChartCard } from "../../charts/ChartCard";
import { FilterBar, isFilterError } from "../../filter/FilterBar";
import { type Dimension, groupCourse, type Named, REQUESTS, toCourse } from "../../model/analytics";
import type { ViewSearch } from "../../model/filters";
import { allOf } from "../../model/filterText";
import { Failure } from "../../ui/Failure";
import { Page } from "../../ui/Page";
import { Breakdown } from "./Breakdown";
import { NoRequests } from "./NoRequests";
import styles from "./OverviewPage.module.css";
import { Tiles } from "./Tiles";

const RANGE = "24h" as const;
const QUANTILES = ["p50", "p95", "p99"] as const;
/** The most lines of a chart by dimension. */
const LINES = 6;

const COURSES = {
  requests: { metric: "requests" },
  errors: { metric: "errors", filter: REQUESTS },
  errorRate: { metric: "error_rate", filter: REQUESTS },
  inputTokens: { metric: "input_tokens" },
  outputTokens: { metric: "output_tokens" },
  cost: { metric: "cost" },
  unpriced: { metric: "unpriced" },
  latency_p50: { metric: "latency", aggregation: "p50", filter: REQUESTS },
  latency_p95: { metric: "latency", aggregation: "p95", filter: REQUESTS },
  latency_p99: { metric: "latency", aggregation: "p99", filter: REQUESTS },
  ttft_p50: { metric: "ttft", aggregation: "p50" },
  ttft_p95: { metric: "ttft", aggregation: "p95" },
  ttft_p99: { metric: "ttft", aggregation: "p99" },
} satisfies Record<string, Measure>;

type Name = keyof typeof COURSES;
const NAMES = Object.keys(COURSES) as Name[];

/** What happened, how much, how fast and at what cost; every number leads to the spans that it is made of. */
export function OverviewPage() {
  const search = useSearch({ from: "/session/overview" });
  const navigate = useNavigate({ from: "/overview" });
  const by: Dimension = search.by ?? "model";
  const results = useQueries({
    queries: [
      ...NAMES.map((name) => analyticsQuery(search, RANGE, { ...COURSES[name], interval: "auto" })),
      analyticsQuery(search, RANGE, { metric: "cost", groupBy: by, interval: "auto", limit: LINES }),
    ],
  });
  const answerOf = (name: Name) => results[NAMES.indexOf(name)]?.data;
  const failed = (...names: Name[]) => names.some((name) => results[NAMES.indexOf(name)]?.isError);
  const line = (label: string, name: Name, filter = ""): Named => [label, filter, answerOf(name)];
  const error = results.find((result) => result.error)?.error ?? null;
  const totals = Object.fromEntries(NAMES.map((name) => [name, answerOf(name)?.total])) as Parameters<
    typeof Tiles
  >[0]["totals"];
  const narrowed: ViewSearch = search.range || search.from || search.to ? search : { ...search, range: RANGE };
  const card = {
    search,
    onRange: (range: { from: string; to: string }) => navigate({ search: { ...search, range: undefined, ...range } }),
  };
  const nothing = answerOf("requests")?.total.value === 0;
  return (
    <Page
      title="Overview"
      scrolls
      bar={
        <FilterBar search={search} error={error} otherwise={RANGE} onChange={(next) => navigate({ search: next })} />
      }
    >
      {error && !isFilterError(error) && (
        <Failure
          error={error}
          onRetry={() => {
            for (const { isError, refetch } of results) if (isError) refetch();
          }}
        />
      )}
      {nothing ? (
        <NoRequests search={search} />
      ) : (
        <>
          <Tiles totals={totals} search={narrowed} />
          <div className={styles.charts}>
            <ChartCard
              {...card}
              title="Requests"
              failed={failed("requests", "errors")}
              filter={REQUESTS}
              course={toCourse([line("requests", "requests"), line("errors", "errors", "status:error")])}
            />
            <ChartCard
              {...card}
              title={`Cost by ${by}`}
              failed={results.at(-1)?.isError}
              course={groupCourse(results.at(-1)?.data, by)}
            />
            <ChartCard
              {...card}
              title="Latency"
              failed={failed("latency_p50", "latency_p95", "latency_p99")}
              filter={REQUESTS}
              course={toCourse(QUANTILES.map((quantile) => line(quantile, `latency_${quantile}`)))}
            />
            <ChartCard
              {...card}
              title="Time to first token"
              failed={failed("ttft_p50", "ttft_p95", "ttft_p99")}
              filter={allOf(REQUESTS, "ttft:*")}
              course={toCourse(QUANTILES.map((quantile) => line(quantile, `ttft_${quantile}`)))}
            />
            <ChartCard
              {...card}
              title="Tokens"
              failed={failed("inputTokens", "outputTokens")}
              filter={REQUESTS}
              course={toCourse([line("input", "inputTokens"), line("output", "outputTokens")])}
            />
            <ChartCard
              {...card}
              title="Error rate"
              failed={failed("errorRate")}
              filter={REQUESTS}
              course={toCourse([line("errors", "errorRate")])}
            />
          </div>
          <Breakdown
            search={narrowed}
            by={by}
            onBy={(dimension) => navigate({ search: { ...search, by: dimension } })}
          />
        </>
      )}
    </Page>
  );
}
