import type { Wire } from "../api/client";
import { parseViewSearch, type ViewSearch } from "./filters";
import { condition } from "./filterText";
import { formatCost, formatCount, formatDuration, formatPercent, shownText } from "./format";
import { isKeyOf } from "./keys";

/** Calls of models, in the filter language; what the API counts as requests. */
export const REQUESTS = "type:generation,embedding";

/** What states the tokens and costs of the calls within it is not counted by model, in the filter language. */
export const NO_SUMS = "NOT type:agent,chain";

/** The furthest that a percentile of the API may lie beyond the true one, as a part of it. */
const INACCURACY = 0.02;

/** The spans from a percentile of nanoseconds on, in the filter language; that which it was taken from is among them. */
export function fromPercentile(field: "duration" | "ttft", ns: number): string {
  return `${field}:>=${Math.floor(ns / (1 + INACCURACY))}ns`;
}

/** Calls that used tokens and have no price, in the filter language. */
export const UNPRICED = `${REQUESTS} tokens:>0 NOT cost:*`;

export const DIMENSIONS = {
  model: "Model",
  user: "User",
  service: "Service",
  provider: "Provider",
  environment: "Environment",
  name: "Name",
  prompt: "Prompt",
  tag: "Tag",
} as const;
export type Dimension = keyof typeof DIMENSIONS;

/** The overview's part of the URL. */
export interface OverviewSearch extends ViewSearch {
  by?: Dimension;
}

export function parseOverviewSearch(raw: Record<string, unknown>): OverviewSearch {
  const search: OverviewSearch = parseViewSearch(raw);
  if (isKeyOf(DIMENSIONS, raw.by)) search.by = raw.by;
  return search;
}

export type Unit = Wire["Analytics"]["unit"];

/** Two instants in ISO 8601. */
export interface Range {
  from: string;
  to: string;
}

export interface Series {
  label: string;
  /** The spans that the series is of, beyond those of the view, in the filter language. */
  filter: string;
  values: (number | null)[];
  /** Of a course of an earlier time drawn beside another: how much earlier, in seconds, and its own range. */
  before?: Range & { seconds: number };
  /** It is a line to compare with, not a measure. */
  isLimit?: boolean;
}

/**
 * Values at common times, which are seconds since 1970 and `step` seconds apart. The first and the last interval may
 * reach beyond the range that was counted.
 */
export interface Course extends Range {
  unit: Unit;
  step: number;
  times: number[];
  series: Series[];
}

export type Named = [label: string, filter: string, answer: Wire["Analytics"] | undefined];

/** Answers with the same range and interval as one course; null until all are there. */
export function toCourse(answers: readonly Named[]): Course | null {
  return courseOf(answers.map(([label, filter, answer]) => [label, filter, answer, answer?.total.points ?? []]));
}

/** The groups of one answer as a course. */
export function groupCourse(answer: Wire["Analytics"] | undefined, dimension: Dimension): Course | null {
  if (answer && answer.groups.length === 0) return toCourse([["", "", answer]]);
  return courseOf(
    (answer?.groups ?? []).map((group) => {
      const value = group.key[dimension] ?? "";
      return [shownText(value), condition(dimension, value), answer, group.points];
    }),
  );
}

/** Answers with the same range and interval as one course, each with points of its own. */
export function courseOf(lines: readonly [...Named, Wire["AnalyticsPoint"][]][]): Course | null {
  const first = lines[0]?.[2];
  const step = first?.interval_seconds;
  if (!first || !step || lines.some(([, , answer]) => !answer)) return null;
  const start = Math.floor(Date.parse(first.from) / 1000 / step) * step;
  const end = Date.parse(first.to) / 1000;
  const times: number[] = [];
  for (let time = start; time < end; time += step) times.push(time);
  // What was not there was nothing of a sum or a rate, but has no share and no duration.
  const absent = first.aggregation === "sum" || first.aggregation === "rate" ? 0 : null;
  return {
    unit: first.unit,
    from: first.from,
    to: first.to,
    step,
    times,
    series: lines.map(([label, filter, , points]) => {
      const at = new Map(points.map((point) => [Date.parse(point.time) / 1000, point.value]));
      return { label, filter, values: times.map((time) => at.get(time) ?? absent) };
    }),
  };
}

/** What of a stretch of time, in seconds since 1970, lies in a range. */
export function partOf({ from, to }: Range, start: number, end: number): Range {
  return {
    from: start * 1000 <= Date.parse(from) ? from : new Date(start * 1000).toISOString(),
    to: end * 1000 > Date.parse(to) ? to : new Date(end * 1000).toISOString(),
  };
}

/** Of each series the sums of it and of those before it, which is where its top lies when they are stacked. */
export function stacked({ times, series }: Course): number[][] {
  const tops: number[][] = [];
  for (const line of series) {
    const below = tops.at(-1);
    tops.push(times.map((_, at) => (below?.[at] ?? 0) + (line.values[at] ?? 0)));
  }
  return tops;
}

const FORMATS: Record<Unit, (value: number) => string> = {
  count: formatCount,
  tokens: formatCount,
  usd: formatCost,
  nanoseconds: formatDuration,
  ratio: formatPercent,
};

export function formatValue(value: number | null | undefined, unit: Unit): string {
  return value === null || value === undefined ? "–" : FORMATS[unit](value);
}
