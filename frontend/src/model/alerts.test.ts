import { describe, expect, it } from "vitest";
import type { Wire } from "../api/client";
import {
  conditionText,
  formatMinutes,
  gravity,
  NEW_RULE,
  parseAlertSearch,
  previewCourse,
  readThreshold,
  readThresholds,
  scoreCourse,
  termsText,
  thresholdUnit,
  writtenThreshold,
} from "./alerts";

const CONDITION = NEW_RULE.condition;

describe("alerts in the URL", () => {
  it("keep what the page knows", () => {
    expect(parseAlertSearch({ tab: "budgets", edit: "new", project: "shop", other: "x" })).toEqual({
      tab: "budgets",
      edit: "new",
      project: "shop",
    });
    expect(parseAlertSearch({ tab: "pizza", edit: 3 })).toEqual({});
  });
});

describe("a rule in words", () => {
  it.each<[Partial<Wire["RuleCondition"]>, string]>([
    [{}, "Error rate is above 5 % over 15 min"],
    [
      { metric: "latency", aggregation: "p95", threshold: 2.5e9, operator: ">=", window_minutes: 60, for_minutes: 5 },
      "Latency (p95) is at least 2.50 s over 1 h, for 5 min",
    ],
    [{ metric: "no_data", window_minutes: 1440 }, "No spans over 1 d"],
    [{ metric: "quality_score", score: "tone", operator: "<", threshold: 0.7 }, "Score tone is below 0.7 over 15 min"],
    [{ metric: "cost", threshold: 20 }, "Cost is above $20.00 over 15 min"],
  ])("%o", (changes, text) => {
    expect(conditionText({ ...CONDITION, ...changes })).toBe(text);
  });
});

describe("thresholds", () => {
  it.each<[Wire["RuleMetric"], number, number, string]>([
    ["error_rate", 5, 0.05, "%"],
    ["latency", 2.5, 2.5e9, "seconds"],
    ["cost", 0.1, 0.1, "US dollars"],
    ["requests", 3, 3, ""],
  ])("of %s are written in its unit", (metric, written, threshold, unit) => {
    expect(readThreshold(metric, written)).toBe(threshold);
    expect(writtenThreshold({ metric, threshold })).toBe(written);
    expect(thresholdUnit({ metric, aggregation: null })).toBe(unit);
  });

  it("of a rate are a second", () => {
    expect(thresholdUnit({ metric: "requests", aggregation: "rate" })).toBe("a second");
  });

  it("are drawn beside the metric", () => {
    const answer = {
      unit: "ratio",
      aggregation: "avg",
      interval_seconds: 900,
      from: "2026-01-31T09:00:00Z",
      to: "2026-01-31T09:30:00Z",
      total: { points: [{ time: "2026-01-31T09:15:00Z", value: 0.2 }] },
    } as Wire["Analytics"];
    const course = previewCourse(CONDITION, answer);
    expect(course?.series.map(({ label, values }) => [label, values])).toEqual([
      ["Error rate", [null, 0.2]],
      ["Threshold", [0.05, 0.05]],
    ]);
    expect(previewCourse(CONDITION, undefined)).toBeNull();
  });
});

it("draws the mean of the scores of each window", () => {
  const condition = { ...CONDITION, window_minutes: 15, threshold: 0.5 };
  const course = scoreCourse(condition, {
    scores: [
      { time: "2026-01-31T09:20:00Z", value: 1 },
      { time: "2026-01-31T09:16:00Z", value: 0.5 },
      { time: "2026-01-31T09:16:00Z", value: null },
    ],
    from: "2026-01-31T09:00:00Z",
    to: "2026-01-31T09:31:00Z",
  });
  expect(course.times.map((time) => new Date(time * 1000).toISOString().slice(11, 16))).toEqual([
    "09:00",
    "09:15",
    "09:30",
  ]);
  expect(course.series.map(({ values }) => values)).toEqual([
    [null, 0.75, null],
    [0.5, 0.5, 0.5],
  ]);
});

describe("budgets", () => {
  const terms: Wire["BudgetTerms"] = {
    limit: "100.00",
    metric: "cost",
    period: "month",
    subject: "user",
    value: null,
    filter: null,
    thresholds: [100],
  };

  it("are said in words", () => {
    expect(termsText(terms)).toBe("$100.00 a month for each user");
    expect(termsText({ ...terms, value: "alice", metric: "tokens", period: "day" })).toBe("100 tokens a day for alice");
    expect(termsText({ ...terms, subject: "project" })).toBe("$100.00 a month");
  });

  it("take thresholds in percent", () => {
    expect(readThresholds("100, 50 80,50")).toEqual([50, 80, 100]);
    for (const wrong of ["", "half", "0", "1.5", "2000"]) expect(readThresholds(wrong)).toBeNull();
  });

  it("tell how grave it is", () => {
    expect([0.5, 0.8, 1].map(gravity)).toEqual(["fine", "close", "over"]);
  });
});

describe("minutes", () => {
  it("are shown in the largest whole unit", () => {
    expect([0, 5, 90, 180, 10_080].map(formatMinutes)).toEqual(["0 min", "5 min", "90 min", "3 h", "7 d"]);
  });
});
