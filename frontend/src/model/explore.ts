import type { Wire } from "../api/client";
import { type Course, courseOf, formatValue, REQUESTS, UNPRICED } from "./analytics";
import { parseViewSearch, type RangeName, type ViewSearch } from "./filters";
import { allOf, condition } from "./filterText";
import { shownText } from "./format";
import { isKeyOf } from "./keys";

export type Metric = Wire["Metric"];
export type Aggregation = Wire["Analytics"]["aggregation"];
type Kind = "amount" | "share" | "distribution";

/** What can be measured, and which spans a number of it is made of, in the filter language. */
export const METRICS: Record<Metric, { label: string; kind: Kind; filter: string }> = {
  requests: { label: "Requests", kind: "amount", filter: REQUESTS },
  cost: { label: "Cost", kind: "amount", filter: "cost:>0" },
  input_cost: { label: "Cost of input", kind: "amount", filter: "cost:>0" },
  output_cost: { label: "Cost of output", kind: "amount", filter: "cost:>0" },
  unpriced: { label: "Requests without a price", kind: "amount", filter: UNPRICED },
  tokens: { label: "Tokens", kind: "amount", filter: "tokens:>0" },
  input_tokens: { label: "Input tokens", kind: "amount", filter: "input_tokens:>0" },
  output_tokens: { label: "Output tokens", kind: "amount", filter: "output_tokens:>0" },
  cache_read_tokens: { label: "Tokens read from a cache", kind: "amount", filter: "cache_read_tokens:>0" },
  cache_write_tokens: { label: "Tokens written to a cache", kind: "amount", filter: "cache_write_tokens:>0" },
  reasoning_tokens: { label: "Reasoning tokens", kind: "amount", filter: "reasoning_tokens:>0" },
  latency: { label: "Latency", kind: "distribution", filter: "" },
  ttft: { label: "Time to first token", kind: "distribution", filter: "ttft:*" },
  errors: { label: "Errors", kind: "amount", filter: "status:error" },
  error_rate: { label: "Error rate", kind: "share", filter: "status:error" },
  spans: { label: "Spans", kind: "amount", filter: "" },
};

const AGGREGATIONS: Record<Kind, Partial<Record<Aggregation, string>>> = {
  amount: { sum: "Sum", rate: "A second", avg: "A span" },
  share: { avg: "Share" },
  distribution: { p50: "Median", p90: "p90", p95: "p95", p99: "p99", avg: "Average" },
};
const USUAL = { amount: "sum", share: "avg", distribution: "p95" } as const;

/** What can be grouped by; so can `attr.KEY` and `resource.KEY`. */
export const GROUPINGS = {
  model: "Model",
  provider: "Provider",
  user: "User",
  session: "Session",
  service: "Service",
  environment: "Environment",
  release: "Release",
  name: "Name",
  type: "Type",
  status: "Status",
  error: "Error",
  prompt: "Prompt",
  prompt_version: "Prompt version",
  tag: "Tag",
  scope: "Scope",
} as const;

export const INTERVALS = {
  auto: "Automatic",
  "1m": "1 minute",
  "5m": "5 minutes",
  "15m": "15 minutes",
  "1h": "1 hour",
  "6h": "6 hours",
  "1d": "1 day",
  "7d": "7 days",
} as const;
export type Interval = keyof typeof INTERVALS;

export const FORMS = { lines: "Lines", areas: "Stacked areas", bars: "Stacked bars" } as const;
export type Form = keyof typeof FORMS;

/** How many groups the table can have. */
export const LIMITS = ["10", "20", "50", "200"] as const;
export type Limit = (typeof LIMITS)[number];
/** As many groups as the API tells of: asked for of the period before, so that those that are large now are among them. */
export const MOST_GROUPS = 200;

export const EXPLORE_RANGE: RangeName = "24h";
/** The groups that have a line of their own; the rest of an amount is drawn as one. */
const DRAWN = 6;

/** The explorer's part of the URL: what is left out is as `questionOf` says. */
export interface ExploreSearch extends ViewSearch {
  metric?: Metric;
  agg?: Aggregation;
  /** Up to three dimensions, comma-separated. */
  by?: string;
  interval?: Interval;
  form?: Form;
  top?: Limit;
  compare?: "1";
}

export function parseExploreSearch(raw: Record<string, unknown>): ExploreSearch {
  const search: ExploreSearch = parseViewSearch(raw);
  const named = <K extends string>(value: unknown, known: Partial<Record<K, unknown>>): K | undefined =>
    isKeyOf(known, value) ? value : undefined;
  const metric = named<Metric>(raw.metric, METRICS);
  if (metric) search.metric = metric;
  const agg = named<Aggregation>(raw.agg, AGGREGATIONS[METRICS[metric ?? "requests"].kind]);
  if (agg) search.agg = agg;
  if (typeof raw.by === "string") {
    const by = raw.by.split(",").map((name) => name.trim());
    const grouping = [...new Set(by)].filter(isGrouping).slice(0, 3).join(",");
    if (grouping) search.by = grouping;
  }
  const interval = named<Interval>(raw.interval, INTERVALS);
  if (interval) search.interval = interval;
  const form = named<Form>(raw.form, FORMS);
  if (form) search.form = form;
  const top = LIMITS.find((limit) => limit === raw.top);
  if (top) search.top = top;
  if (raw.compare === "1") search.compare = "1";
  return search;
}

export function isGrouping(name: string): boolean {
  return isKeyOf(GROUPINGS, name) || /^(attr|resource)\../.test(name);
}

export function groupingLabel(name: string): string {
  return isKeyOf(GROUPINGS, name) ? GROUPINGS[name] : name;
}

export interface Question {
  metric: Metric;
  aggregation: Aggregation;
  by: string[];
  interval: Interval;
  form: Form;
  limit: number;
  compare: boolean;
}

/** What a URL asks, whole. */
export function questionOf(search: ExploreSearch): Question {
  const metric = search.metric ?? "requests";
  const aggregation = search.agg ?? USUAL[METRICS[metric].kind];
  return {
    metric,
    aggregation,
    by: search.by?.split(",") ?? [],
    interval: search.interval ?? "auto",
    form: isAdditive(metric, aggregation) ? (search.form ?? "lines") : "lines",
    limit: Number(search.top ?? LIMITS[0]),
    compare: search.compare === "1",
  };
}

export function aggregationsOf(metric: Metric): { id: Aggregation; label: string }[] {
  return Object.entries(AGGREGATIONS[METRICS[metric].kind]).map(([id, label]) => ({ id: id as Aggregation, label }));
}

/** Whether the values of groups add up to that of all, so that they can be stacked. */
export function isAdditive(metric: Metric, aggregation: Aggregation): boolean {
  return METRICS[metric].kind === "amount" && aggregation !== "avg";
}

export function titleOf({ metric, aggregation, by }: Question): string {
  const { label, kind } = METRICS[metric];
  const how = aggregation === USUAL[kind] && kind !== "distribution" ? "" : `, ${AGGREGATIONS[kind][aggregation]}`;
  return `${label}${how.toLowerCase()}${by.length > 0 ? ` by ${by.map(groupingLabel).join(" and ").toLowerCase()}` : ""}`;
}

/** The spans that an answer is about, to the microsecond that it counted from and to. */
export function spansOf(search: ViewSearch, { from, to }: Wire["Analytics"], ...filters: string[]): ViewSearch {
  const filter = allOf(search.filter, ...filters);
  return { ...(search.project && { project: search.project }), from, to, ...(filter && { filter }) };
}

/** The range of the same length that ends where an answer's begins. */
export function periodBefore({ from, to }: Wire["Analytics"]): { from: string; to: string } {
  const start = Date.parse(from);
  return { from: new Date(2 * start - Date.parse(to)).toISOString(), to: new Date(start).toISOString() };
}

export interface GroupRow {
  id: string;
  keys: string[];
  filter: string;
  value: number | null;
  spans: number;
  /** The value's part of all; null where values do not add up. */
  share: number | null;
  /** What it was in the period before: undefined while that is not known, null where there was nothing. */
  before: number | null | undefined;
}

export function rowsOf(question: Question, answer: Wire["Analytics"], before?: Wire["Analytics"]): GroupRow[] {
  const { by, metric, aggregation } = question;
  const whole = isAdditive(metric, aggregation) ? answer.total.value : null;
  const earlier = new Map(before?.groups.map((group) => [idOf(by, group), group.value]));
  // Of a period with more groups than these the smaller ones are not known.
  const absent = before && before.groups.length < MOST_GROUPS ? null : undefined;
  return answer.groups.map((group) => {
    const id = idOf(by, group);
    return {
      id,
      keys: by.map((name) => group.key[name] ?? ""),
      filter: filterOf(by, group),
      value: group.value,
      spans: group.span_count,
      share: whole && group.value !== null ? group.value / whole : null,
      before: earlier.has(id) ? earlier.get(id) : absent,
    };
  });
}

/** The answer drawn: the largest groups, and of an amount the rest; without groups the total, beside the period before. */
export function courseOfAnswer(
  question: Question,
  answer: Wire["Analytics"] | undefined,
  before?: Wire["Analytics"],
): Course | null {
  if (!answer) return null;
  const { by, metric, aggregation } = question;
  if (by.length === 0) {
    const course = courseOf([[METRICS[metric].label, "", answer, answer.total.points]]);
    const earlier = before && courseOf([["before", "", before, before.total.points]]);
    const line = earlier?.series[0];
    if (!course || !earlier || !line) return course;
    const { from, to } = earlier;
    const seconds = (course.times[0] ?? 0) - (earlier.times[0] ?? 0);
    const values = course.times.map((_, at) => line.values[at] ?? null);
    return { ...course, series: [...course.series, { ...line, values, before: { seconds, from, to } }] };
  }
  const drawn = answer.groups.slice(0, DRAWN);
  const course = courseOf(drawn.map((group) => [labelOf(by, group), filterOf(by, group), answer, group.points]));
  // A span with two tags is in two groups.
  if (!course || !isAdditive(metric, aggregation) || by.includes("tag")) return course;
  const total = courseOf([["", "", answer, answer.total.points]])?.series[0]?.values ?? [];
  const rest = total.map((value, at) => {
    const left = course.series.reduce((sum, line) => sum - (line.values[at] ?? 0), value ?? 0);
    return left > 1e-9 * (value ?? 0) ? left : 0;
  });
  if (!rest.some((value) => value > 0)) return course;
  const others = { label: "all others", filter: without(by, drawn), values: rest };
  return { ...course, series: [...course.series, others] };
}

/** A value as the page writes it; those a second say so. */
export function formatAnswer(value: number | null | undefined, { unit, aggregation }: Wire["Analytics"]): string {
  const text = formatValue(value, unit);
  return aggregation === "rate" && value != null ? `${text}/s` : text;
}

/** How much more or less than before: `+12 %`, `−50 %`; `new` where there was nothing. */
export function formatChange(value: number | null, before: number | null | undefined): string {
  if (before === undefined) return "–";
  if (value === null || before === null || before === 0) return value && before !== value ? "new" : "–";
  const percent = Math.round((value / before - 1) * 100);
  return `${percent > 0 ? "+" : percent < 0 ? "−" : "±"}${Math.abs(percent).toLocaleString("en-US")} %`;
}

function idOf(by: readonly string[], { key }: Wire["AnalyticsGroup"]): string {
  return JSON.stringify(by.map((name) => key[name] ?? ""));
}

function labelOf(by: readonly string[], { key }: Wire["AnalyticsGroup"]): string {
  return by.map((name) => shownText(key[name] ?? "")).join(" · ");
}

function filterOf(by: readonly string[], { key }: Wire["AnalyticsGroup"]): string {
  return by.map((name) => condition(keyed(name), key[name] ?? "")).join(" ");
}

function without(by: readonly string[], groups: readonly Wire["AnalyticsGroup"][]): string {
  return `NOT (${groups.map((group) => (by.length > 1 ? `(${filterOf(by, group)})` : filterOf(by, group))).join(" OR ")})`;
}

/** An attribute's key in quotes, where the filter language would read its characters otherwise. */
function keyed(name: string): string {
  const [, holder, key] = /^(attr|resource)\.(.*[\s:()",].*)$/.exec(name) ?? [];
  return key === undefined ? name : `${holder}."${key.replace(/["\\]/g, "\\$&")}"`;
}
