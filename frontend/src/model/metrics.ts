import type { Wire } from "../api/client";
import { type Course, formatValue, type Unit } from "./analytics";
import { parseViewSearch, type RangeName, type ViewSearch } from "./filters";
import { type FindSearch, parseFind } from "./find";
import { shownText } from "./format";
import { isKeyOf } from "./keys";

export const FUNCTIONS: Record<Wire["MetricFunction"], string> = {
  sum: "Sum",
  rate: "A second",
  avg: "Average",
  last: "Last value",
  count: "Measurements",
};

export const METRICS_RANGE: RangeName = "24h";
/** Buckets of a chart. */
const BUCKETS = 60;
const STEPS = [1, 10, 60, 300, 900, 3600, 10_800, 21_600, 86_400, 7 * 86_400, 28 * 86_400];

/** The metric browser's part of the URL. */
export interface MetricSearch extends Omit<ViewSearch, "filter">, FindSearch {
  name?: string;
  function?: Wire["MetricFunction"];
  by?: string;
}

export function parseMetricSearch(raw: Record<string, unknown>): MetricSearch {
  const { filter: _, ...search }: MetricSearch & ViewSearch = { ...parseViewSearch(raw), ...parseFind(raw) };
  for (const name of ["name", "by"] as const) {
    const value = raw[name];
    if (typeof value === "string" && value !== "") search[name] = value;
  }
  if (isKeyOf(FUNCTIONS, raw.function)) search.function = raw.function;
  return search;
}

/** What is usually asked of a metric of this type. */
export function usualFunction(type: Wire["MetricType"]): Wire["MetricFunction"] {
  return type === "gauge" ? "last" : type === "sum" ? "sum" : "avg";
}

/** A bucket's length for a range, in seconds: so that a chart has at most so many. */
export function stepOf(from: string, to: string): number {
  const seconds = (Date.parse(to) - Date.parse(from)) / 1000;
  return STEPS.find((step) => seconds / step <= BUCKETS) ?? (STEPS.at(-1) as number);
}

const UNITS = {
  USD: { unit: "usd", factor: 1 },
  tokens: { unit: "tokens", factor: 1 },
  token: { unit: "tokens", factor: 1 },
  "{token}": { unit: "tokens", factor: 1 },
  ns: { unit: "nanoseconds", factor: 1 },
  us: { unit: "nanoseconds", factor: 1e3 },
  ms: { unit: "nanoseconds", factor: 1e6 },
  s: { unit: "nanoseconds", factor: 1e9 },
} as const satisfies Record<string, { unit: Unit; factor: number }>;
const COUNT = { unit: "count", factor: 1 } as const;

/** What is asked of a metric: `by` is the attribute that its lines are apart by, '' for none. */
export interface MetricQuestion {
  function: Wire["MetricFunction"];
  by: string;
}

/** A metric's lines as a course, in the page's unit where it has one for the metric's. */
export function metricCourse(
  result: Wire["MetricResult"] | undefined,
  { from, to }: { from: string; to: string },
  unit: string,
  { function: asked, by }: MetricQuestion,
): Course | null {
  if (!result) return null;
  const step = result.interval_seconds;
  const times: number[] = [];
  const start = Math.floor(Date.parse(from) / 1000 / step) * step;
  for (let time = start; time < Date.parse(to) / 1000; time += step) times.push(time);
  const known = asked !== "count" && isKeyOf(UNITS, unit) ? UNITS[unit] : COUNT;
  const absent = asked === "sum" || asked === "rate" || asked === "count" ? 0 : null;
  return {
    unit: known.unit,
    from,
    to,
    step,
    times,
    series: result.lines.map(({ label, points }) => {
      const at = new Map(points.map((point) => [Date.parse(point.time) / 1000, point.value * known.factor]));
      const shown = label === null ? (by ? `without ${by}` : FUNCTIONS[asked]) : shownText(label);
      return { label: shown, filter: "", values: times.map((time) => at.get(time) ?? absent) };
    }),
  };
}

/** The lines of a course that can be told apart in a chart: those that come to the most, in the order that they have. */
export function largestLines(course: Course, most: number): Course {
  const size = ({ values }: Course["series"][number]) =>
    values.reduce<number>((sum, value) => sum + Math.abs(value ?? 0), 0);
  const drawn = new Set([...course.series].sort((a, b) => size(b) - size(a)).slice(0, most));
  return { ...course, series: course.series.filter((line) => drawn.has(line)) };
}

/** What a metric's lines came to, largest first: sums added up, else the last value there was. */
export function totalsOf({ series, unit }: Course, asked: Wire["MetricFunction"]): { label: string; value: string }[] {
  return series
    .map(({ label, values }) => {
      const known = values.filter((value) => value !== null);
      const added = asked === "sum" || asked === "count";
      return { label, value: added ? known.reduce((sum, value) => sum + value, 0) : (known.at(-1) ?? 0) };
    })
    .sort((a, b) => b.value - a.value)
    .map(({ label, value }) => ({ label, value: formatValue(value, unit) }));
}
