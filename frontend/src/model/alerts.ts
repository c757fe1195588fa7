import type { Wire } from "../api/client";
import { type Course, formatValue, toCourse, type Unit } from "./analytics";
import { aggregationsOf, METRICS, type Metric } from "./explore";
import { parseProjectSearch, type RangeName } from "./filters";
import { type FindSearch, parseFind } from "./find";
import { formatCount } from "./format";
import { isKeyOf } from "./keys";

export const ALERT_TABS = { rules: "Rules", budgets: "Budgets", history: "History", channels: "Channels" } as const;
export type AlertTab = keyof typeof ALERT_TABS;

/** What the form is for that is not stored yet. */
export const NEW = "new";

/** The alerts' part of the URL: the part on show, and the rule, budget or channel that is written. */
export interface AlertSearch extends FindSearch {
  project?: string;
  tab?: AlertTab;
  edit?: string;
}

export function parseAlertSearch(raw: Record<string, unknown>): AlertSearch {
  const search: AlertSearch = { ...parseProjectSearch(raw), ...parseFind(raw) };
  if (isKeyOf(ALERT_TABS, raw.tab)) search.tab = raw.tab;
  if (typeof raw.edit === "string" && raw.edit.length <= 100) search.edit = raw.edit;
  return search;
}

type RuleMetric = Wire["RuleMetric"];
type Condition = Wire["RuleCondition"];

/** What rules can measure. */
export const RULE_METRICS = {
  ...Object.fromEntries(Object.entries(METRICS).map(([name, { label }]) => [name, label])),
  quality_score: "Quality score",
  no_data: "No data",
} as Record<RuleMetric, string>;

export const OPERATORS = { ">": "is above", ">=": "is at least", "<": "is below", "<=": "is at most" } as const;
export const MISSING = { clear: "is fine", hold: "counts as met", keep: "changes nothing" } as const;

/** Windows, and times that a condition must hold, in minutes. */
export const WINDOWS = [1, 5, 15, 30, 60, 180, 360, 1440, 10_080] as const;
export const WAITS = [0, 1, 5, 10, 15, 30, 60] as const;

const NEW_CONDITION: Condition = {
  metric: "error_rate",
  aggregation: null,
  operator: ">",
  threshold: 0.05,
  filter: null,
  score: null,
  window_minutes: 15,
  for_minutes: 0,
  recover_minutes: 0,
  missing: "clear",
};

export const NEW_RULE: Wire["NewRule"] = {
  name: "",
  condition: NEW_CONDITION,
  channels: [],
  enabled: true,
  all_projects: false,
};

const NEW_TERMS: Wire["BudgetTerms"] = {
  limit: "100",
  metric: "cost",
  period: "month",
  subject: "project",
  value: null,
  filter: null,
  thresholds: [50, 80, 100],
};

const NEW_BUDGET: Wire["NewBudget"] = {
  name: "",
  terms: NEW_TERMS,
  channels: [],
  enabled: true,
  all_projects: false,
};

/** A rule as the form has it: one that is kept, or a new one. */
export function ruleDraft(kept: Wire["RuleDetail"] | null): Wire["NewRule"] {
  if (!kept) return NEW_RULE;
  const { name, condition, channels, enabled, project } = kept;
  return { name, condition, channels, enabled, all_projects: project === null };
}

/** A budget as the form has it, with its thresholds as they are written: one that is kept, or a new one. */
export function budgetDraft(kept: Wire["BudgetDetail"] | null): Wire["NewBudget"] & { percents: string } {
  const { name, terms, channels, enabled } = kept ?? NEW_BUDGET;
  return {
    name,
    terms,
    channels,
    enabled,
    all_projects: kept?.project === null,
    percents: terms.thresholds.join(", "),
  };
}

/** The metric of the analytics behind a rule's; none behind scores. */
export function measuredMetric(metric: RuleMetric): Metric | null {
  if (metric === "quality_score") return null;
  return metric === "no_data" ? "spans" : (metric as Metric);
}

/** How a rule's metric can be aggregated, and how it is unless it says so. */
export function ruleAggregations(metric: RuleMetric): { id: NonNullable<Condition["aggregation"]>; label: string }[] {
  const measured = metric === "no_data" ? null : measuredMetric(metric);
  return measured ? aggregationsOf(measured) : [];
}

const AVERAGED = ["latency", "ttft", "error_rate"];

export function aggregationOf({ metric, aggregation }: Pick<Condition, "metric" | "aggregation">) {
  return aggregation ?? (AVERAGED.includes(metric) ? "avg" : "sum");
}

export function unitOf(metric: RuleMetric): Unit {
  if (metric === "latency" || metric === "ttft") return "nanoseconds";
  if (metric === "error_rate") return "ratio";
  if (metric.includes("cost")) return "usd";
  return metric.includes("tokens") ? "tokens" : "count";
}

/** What people write a threshold in, and how many of the API's units one of theirs is. */
const WRITTEN: Record<Unit, { suffix: string; size: number }> = {
  nanoseconds: { suffix: "seconds", size: 1e9 },
  ratio: { suffix: "%", size: 0.01 },
  usd: { suffix: "US dollars", size: 1 },
  tokens: { suffix: "tokens", size: 1 },
  count: { suffix: "", size: 1 },
};

export function thresholdUnit({ metric, aggregation }: Pick<Condition, "metric" | "aggregation">): string {
  const { suffix } = WRITTEN[unitOf(metric)];
  return aggregation === "rate" ? `${suffix} a second`.trim() : suffix;
}

export function writtenThreshold({ metric, threshold }: Pick<Condition, "metric" | "threshold">): number {
  return Number((threshold / WRITTEN[unitOf(metric)].size).toPrecision(12));
}

export function readThreshold(metric: RuleMetric, written: number): number {
  return Number((written * WRITTEN[unitOf(metric)].size).toPrecision(12));
}

export function formatMeasured(metric: RuleMetric, value: number | null): string {
  if (value !== null && metric === "quality_score") return String(Number(value.toPrecision(4)));
  return formatValue(value, unitOf(metric));
}

/** `5 min`, `3 h`, `7 d`. */
export function formatMinutes(minutes: number): string {
  if (minutes % 1440 === 0 && minutes > 0) return `${minutes / 1440} d`;
  return minutes % 60 === 0 && minutes > 0 ? `${minutes / 60} h` : `${minutes} min`;
}

/** A condition in words. */
export function conditionText(condition: Condition): string {
  const { metric, operator, threshold, window_minutes, for_minutes, score } = condition;
  const window = `over ${formatMinutes(window_minutes)}`;
  const held = for_minutes > 0 ? `, for ${formatMinutes(for_minutes)}` : "";
  if (metric === "no_data") return `No spans ${window}${held}`;
  const aggregation = ruleAggregations(metric).find(({ id }) => id === aggregationOf(condition));
  const how = aggregation && !["sum", "avg"].includes(aggregation.id) ? ` (${aggregation.label.toLowerCase()})` : "";
  const what = metric === "quality_score" ? `Score ${score}` : `${RULE_METRICS[metric]}${how}`;
  return `${what} ${OPERATORS[operator]} ${formatMeasured(metric, threshold)} ${window}${held}`;
}

/** What the preview asks: the course of the last day in steps of the window, of longer windows that of a month. */
export function previewOf({ window_minutes }: Pick<Condition, "window_minutes">): {
  range: RangeName;
  interval: string;
} {
  return { range: window_minutes < 720 ? "24h" : "30d", interval: `${window_minutes}m` };
}

/** The course of the metric, with the threshold as a line of its own. */
export function previewCourse(condition: Condition, answer: Wire["Analytics"] | undefined): Course | null {
  const course = toCourse([[RULE_METRICS[condition.metric], "", answer]]);
  return course && withThreshold(course, condition.metric === "no_data" ? 1 : condition.threshold);
}

/** Scores of one name that were given in a range. */
export interface GivenScores {
  scores: readonly { time: string; value: number | null }[];
  from: string;
  to: string;
}

/** The mean of scores in each window, with the threshold as a line of its own. */
export function scoreCourse({ window_minutes, threshold }: Condition, { scores, from, to }: GivenScores): Course {
  const step = window_minutes * 60;
  const windowOf = (time: string) => Math.floor(Date.parse(time) / 1000 / step) * step;
  const values = new Map<number, number[]>();
  for (const { time, value } of scores) {
    if (value !== null) values.set(windowOf(time), [...(values.get(windowOf(time)) ?? []), value]);
  }
  const times: number[] = [];
  for (let time = windowOf(from); time <= windowOf(to); time += step) times.push(time);
  const means = times.map((time) => {
    const given = values.get(time);
    return given ? given.reduce((sum, value) => sum + value, 0) / given.length : null;
  });
  const series = [{ label: RULE_METRICS.quality_score, filter: "", values: means }];
  return withThreshold({ unit: "count", from, to, step, times, series }, threshold);
}

function withThreshold(course: Course, threshold: number): Course {
  const line = { label: "Threshold", filter: "", values: course.times.map(() => threshold), isLimit: true };
  return { ...course, series: [...course.series, line] };
}

export const PERIODS = { day: "a day", week: "a week", month: "a month" } as const;
export const SUBJECTS = { project: "The project", user: "Users", model: "Models" } as const;

export function formatSpent(metric: Wire["BudgetTerms"]["metric"], amount: number): string {
  return metric === "cost" ? formatValue(amount, "usd") : `${formatCount(Math.round(amount))} tokens`;
}

/** A budget's terms in words. */
export function termsText({ limit, metric, period, subject, value }: Wire["BudgetTerms"]): string {
  const who = value ?? { project: "", user: "each user", model: "each model" }[subject];
  return `${formatSpent(metric, Number(limit))} ${PERIODS[period]}${who && ` for ${who}`}`;
}

/** Thresholds as people write them; null for what is none. */
export function readThresholds(text: string): number[] | null {
  const found = text
    .split(/[\s,]+/)
    .filter(Boolean)
    .map(Number);
  if (found.length === 0 || found.length > 10) return null;
  if (found.some((percent) => !Number.isInteger(percent) || percent < 1 || percent > 1000)) return null;
  return [...new Set(found)].sort((a, b) => a - b);
}

/** How grave it is that so much of a budget is spent. */
export function gravity(share: number): "fine" | "close" | "over" {
  return share >= 1 ? "over" : share >= 0.8 ? "close" : "fine";
}
