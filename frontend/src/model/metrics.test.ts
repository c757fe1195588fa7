import { expect, it } from "vitest";
import { largestLines, metricCourse, parseMetricSearch, stepOf, totalsOf } from "./metrics";

const RANGE = { from: "2026-05-04T12:00:30Z", to: "2026-05-04T12:03:00Z" };
const NOON = Date.parse("2026-05-04T12:00:00Z") / 1000;
const RESULT = {
  interval_seconds: 60,
  line_count: 2,
  lines: [
    { label: "a", points: [{ time: "2026-05-04T12:01:00Z", value: 2 }] },
    {
      label: null,
      points: [
        { time: "2026-05-04T12:00:00Z", value: 3 },
        { time: "2026-05-04T12:02:00Z", value: 1 },
      ],
    },
  ],
};

it("has a point for every bucket", () => {
  const course = metricCourse(RESULT, RANGE, "s", { function: "sum", by: "type" });
  expect(course?.times).toEqual([NOON, NOON + 60, NOON + 120]);
  expect(course?.series.map(({ values }) => values)).toEqual([
    [0, 2e9, 0],
    [3e9, 0, 1e9],
  ]);
  expect(metricCourse(RESULT, RANGE, "", { function: "avg", by: "type" })?.series[0]?.values).toEqual([null, 2, null]);
  expect(metricCourse(undefined, RANGE, "", { function: "avg", by: "type" })).toBeNull();
});

it("adds up sums, largest first, and takes the last of levels", () => {
  const course = metricCourse(RESULT, RANGE, "USD", { function: "sum", by: "type" });
  expect(course && totalsOf(course, "sum")).toEqual([
    { label: "without type", value: "$4.00" },
    { label: "a", value: "$2.00" },
  ]);
  const levels = metricCourse(RESULT, RANGE, "", { function: "last", by: "type" });
  expect(levels && totalsOf(levels, "last").map(({ value }) => value)).toEqual(["2", "1"]);
});

it("tells an empty value of an attribute from none", () => {
  const lines = [null, "", "none"].map((label) => ({ label, points: [] }));
  const labels = (by: string) =>
    metricCourse({ ...RESULT, lines }, RANGE, "", { function: "sum", by })?.series.map(({ label }) => label);
  expect(labels("type")).toEqual(["without type", '""', "none"]);
  expect(labels("")?.[0]).toBe("Sum");
});

it("draws the largest of many lines, in their order", () => {
  const course = metricCourse(RESULT, RANGE, "", { function: "avg", by: "type" });
  expect(course && largestLines(course, 1).series.map(({ label }) => label)).toEqual(["without type"]);
  expect(course && largestLines(course, 2)).toEqual(course);
});

it("makes buckets so that a chart has some dozens", () => {
  expect(stepOf("2026-05-04T12:00:00Z", "2026-05-04T13:00:00Z")).toBe(60);
  expect(stepOf("2026-05-01T00:00:00Z", "2026-05-31T00:00:00Z")).toBe(86_400);
});

it("keeps of a URL what it knows", () => {
  const known = { name: "claude_code.token.usage", by: "type", function: "rate", range: "7d" };
  expect(parseMetricSearch({ ...known, filter: "x" })).toEqual(known);
  expect(parseMetricSearch({ function: "luck" })).toEqual({});
});
