import { expect, it } from "vitest";
import type { Wire } from "../api/client";
import { formatValue, fromPercentile, groupCourse, partOf, toCourse } from "./analytics";

function answer(given: Partial<Wire["Analytics"]>): Wire["Analytics"] {
  return {
    metric: "requests",
    aggregation: "sum",
    unit: "count",
    from: "2026-05-04T12:00:30Z",
    to: "2026-05-04T12:03:00Z",
    interval_seconds: 60,
    total: { key: {}, value: 3, span_count: 3, points: [{ time: "2026-05-04T12:01:00Z", value: 3 }] },
    groups: [],
    source: "rollups",
    ...given,
  };
}

const NOON = Date.parse("2026-05-04T12:00:00Z") / 1000;

it("has a point for every interval, nothing where nothing was", () => {
  const course = toCourse([["requests", "", answer({})]]);
  expect(course?.times).toEqual([NOON, NOON + 60, NOON + 120]);
  expect(course?.series[0]?.values).toEqual([0, 3, 0]);
});

it("takes of an interval what lies in the range", () => {
  const course = toCourse([
    ["requests", "", answer({ from: "2026-05-04T12:00:30.000500Z", to: "2026-05-04T12:02:20Z" })],
  ]);
  const parts = course?.times.map((time) => partOf(course, time, time + course.step));
  expect(parts).toEqual([
    { from: "2026-05-04T12:00:30.000500Z", to: "2026-05-04T12:01:00.000Z" },
    { from: "2026-05-04T12:01:00.000Z", to: "2026-05-04T12:02:00.000Z" },
    { from: "2026-05-04T12:02:00.000Z", to: "2026-05-04T12:02:20Z" },
  ]);
});

it("leaves a gap where nothing was measured", () => {
  expect(toCourse([["p95", "", answer({ aggregation: "p95" })]])?.series[0]?.values).toEqual([null, 3, null]);
});

it("has no course before an answer", () => {
  expect(toCourse([["requests", "", undefined]])).toBeNull();
});

it("names the spans of each group", () => {
  const points = [{ time: "2026-05-04T12:02:00Z", value: 2 }];
  const groups = [{ key: { model: "my model" }, value: 2, span_count: 1, points }];
  expect(groupCourse(answer({ groups }), "model")?.series).toEqual([
    { label: "my model", filter: 'model:"my model"', values: [0, 0, 2] },
  ]);
});

it.each([
  [0.0123, "ratio", "1.23 %"],
  [0.5, "ratio", "50 %"],
  [0, "ratio", "0 %"],
  [1.5e9, "nanoseconds", "1.50 s"],
  [null, "usd", "–"],
] as const)("writes %j of %s as %s", (value, unit, text) => {
  expect(formatValue(value, unit)).toBe(text);
});

it("leads from a percentile, which may lie a little beyond the true one, to that too", () => {
  expect(fromPercentile("duration", 1_020_000_000)).toBe("duration:>=1000000000ns");
  expect(fromPercentile("ttft", 1)).toBe("ttft:>=0ns");
});
