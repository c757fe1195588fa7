import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Wire } from "../../api/client";
import { formatValue, fromPercentile, REQUESTS, UNPRICED } from "../../model/analytics";
import type { ViewSearch } from "../../model/filters";
import { formatCount, formatPercent } from "../../model/format";
import { narrowed } from "../../ui/SpansLink";
import styles from "./OverviewPage.module.css";

type Total = Wire["AnalyticsGroup"] | undefined;
type Quantile = "p50" | "p95" | "p99";

interface Props {
  totals: Record<"requests" | "errors" | "errorRate" | "inputTokens" | "outputTokens" | "cost" | "unpriced", Total> &
    Record<`${"latency" | "ttft"}_${Quantile}`, Total>;
  /** The view, with its range. */
  search: ViewSearch;
}

/** The totals of the range. */
export function Tiles({ totals, search }: Props) {
  const { inputTokens, outputTokens } = totals;
  const tokens = inputTokens && outputTokens && (inputTokens.value ?? 0) + (outputTokens.value ?? 0);
  const unpriced = totals.unpriced?.value ?? 0;
  const spans = (...filters: string[]) => narrowed(search, filters);
  const slowest = (field: "duration" | "ttft", total: Total) =>
    spans(REQUESTS, total?.value ? fromPercentile(field, total.value) : "");
  return (
    <div className={styles.tiles}>
      <Tile name="Requests" to={spans(REQUESTS)} value={formatValue(totals.requests?.value, "count")}>
        {spanLink(spans(REQUESTS, "status:error"), `${countOf(totals.errors)} failed`)}
      </Tile>
      <Tile
        name="Error rate"
        to={spans(REQUESTS, "status:error")}
        value={totals.errorRate?.value == null ? "–" : formatPercent(totals.errorRate.value)}
      />
      <Tile name="Tokens" to={spans("tokens:>0")} value={formatValue(tokens, "count")}>
        {spanLink(spans("input_tokens:>0"), `${countOf(inputTokens)} in`)},{" "}
        {spanLink(spans("output_tokens:>0"), `${countOf(outputTokens)} out`)}
      </Tile>
      <Tile name="Cost" to={spans("cost:>0")} value={formatValue(totals.cost?.value, "usd")}>
        {unpriced > 0 && spanLink(spans(UNPRICED), `${formatCount(unpriced)} without a price`)}
      </Tile>
      {(["latency", "ttft"] as const).map((metric) => (
        <Tile
          key={metric}
          name={metric === "latency" ? "Latency, median" : "First token, median"}
          to={spans(REQUESTS, metric === "ttft" ? "ttft:*" : "")}
          value={formatValue(totals[`${metric}_p50`]?.value, "nanoseconds")}
        >
          {(["p95", "p99"] as const).map((quantile, place) => {
            const total = totals[`${metric}_${quantile}`];
            const field = metric === "latency" ? "duration" : "ttft";
            return (
              <span key={quantile}>
                {place > 0 && ", "}
                {spanLink(slowest(field, total), `${quantile} ${formatValue(total?.value, "nanoseconds")}`)}
              </span>
            );
          })}
        </Tile>
      ))}
    </div>
  );
}

/** A number of which nothing is 0, and a dash before it is known. */
function countOf(total: Total): string {
  return formatValue(total && (total.value ?? 0), "count");
}

interface TileProps {
  name: string;
  value: string;
  to: ViewSearch;
  children?: ReactNode;
}

function Tile({ name, value, to, children }: TileProps) {
  return (
    <div className={styles.tile}>
      <h2>{name}</h2>
      {spanLink(to, value, `${name}: ${value}`)}
      <p>{children}</p>
    </div>
  );
}

function spanLink(search: ViewSearch, text: string, name?: string) {
  return (
    <Link to="/spans" search={search} aria-label={name}>
      {text}
    </Link>
  );
}
