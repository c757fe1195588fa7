import { describe, expect, it } from "vitest";
import type { Wire } from "../api/client";
import { stacked } from "./analytics";
import {
  courseOfAnswer,
  formatChange,
  MOST_GROUPS,
  parseExploreSearch,
  periodBefore,
  questionOf,
  rowsOf,
  spansOf,
} from "./explore";

function group(key: Record<string, string>, value: number, points: [minute: number, value: number][] = []) {
  return {
    key,
    value,
    span_count: value,
    points: points.map(([minute, at]) => ({ time: `2026-05-04T12:0${minute}:00Z`, value: at })),
  };
}

function answer(given: Partial<Wire["Analytics"]>): Wire["Analytics"] {
  return {
    metric: "requests",
    aggregation: "sum",
    unit: "count",
    from: "2026-05-04T12:00:00Z",
    to: "2026-05-04T12:02:00Z",
    interval_seconds: 60,
    total: group({}, 10, [
      [0, 4],
      [1, 6],
    ]),
    groups: [],
    source: "rollups",
    ...given,
  };
}

const BY_MODEL = questionOf({ by: "model" });

describe("the URL", () => {
  it("keeps what makes sense", () => {
    const whole = { metric: "ttft", agg: "p99", by: "model,attr.feature", interval: "1h", form: "bars", compare: "1" };
    expect(parseExploreSearch({ ...whole, top: "50" })).toEqual({ ...whole, top: "50" });
    expect(parseExploreSearch({ metric: "luck", agg: "p95", by: "nothing,user,user", top: "3" })).toEqual({
      by: "user",
    });
  });

  it("means the usual where it says nothing", () => {
    expect(questionOf({})).toMatchObject({ metric: "requests", aggregation: "sum", by: [], form: "lines", limit: 10 });
    expect(questionOf({ metric: "latency", form: "bars" })).toMatchObject({ aggregation: "p95", form: "lines" });
  });
});

describe("what is drawn", () => {
  it("adds up to the total, the rest as one", () => {
    const groups = "abcdefgh".split("").map((model) => group({ model }, 1, [[0, 0.5]]));
    const course = courseOfAnswer(BY_MODEL, answer({ groups }));
    expect(course?.series.map(({ label }) => label)).toEqual(["a", "b", "c", "d", "e", "f", "all others"]);
    expect(course?.series.at(-1)).toMatchObject({
      filter: "NOT (model:a OR model:b OR model:c OR model:d OR model:e OR model:f)",
      values: [1, 6],
    });
    expect(stacked(course as NonNullable<typeof course>).at(-1)).toEqual([4, 6]);
  });

  it("has no rest where values do not add up", () => {
    const groups = [group({ model: "a" }, 1, [[0, 1]])];
    expect(courseOfAnswer(questionOf({ metric: "latency", by: "model" }), answer({ groups }))?.series).toHaveLength(1);
    expect(courseOfAnswer(questionOf({ by: "tag" }), answer({ groups }))?.series).toHaveLength(1);
  });

  it("is beside the period before, at the same places", () => {
    const before = answer({ ...periodBefore(answer({})), total: group({}, 2) });
    const series = courseOfAnswer(questionOf({}), answer({}), before)?.series;
    expect(series?.[1]).toMatchObject({
      label: "before",
      values: [0, 0],
      before: { seconds: 120, ...periodBefore(answer({})) },
    });
  });
});

it("says of each group its share, what it was before, and its spans", () => {
  const groups = [group({ model: "a b" }, 8), group({ model: "c" }, 2)];
  const before = answer({ groups: [group({ model: "c" }, 4)] });
  expect(rowsOf(BY_MODEL, answer({ groups }), before)).toMatchObject([
    { keys: ["a b"], filter: 'model:"a b"', value: 8, share: 0.8, before: null },
    { keys: ["c"], filter: "model:c", value: 2, share: 0.2, before: 4 },
  ]);
});

it("does not call a group new that may be missing from what was answered of the period before", () => {
  const now = answer({ groups: [group({ model: "rare" }, 2)] });
  const many = Array.from({ length: MOST_GROUPS }, (_, at) => group({ model: `m${at}` }, 500 - at));
  expect(rowsOf(BY_MODEL, now, answer({ groups: many }))[0]?.before).toBeUndefined();
  expect(rowsOf(BY_MODEL, now, answer({ groups: many.slice(1) }))[0]?.before).toBeNull();
  expect(formatChange(2, undefined)).toBe("–");
});

it("tells an empty value from none", () => {
  const groups = [group({ tag: "" }, 1)];
  const question = questionOf({ by: "tag" });
  expect(rowsOf(question, answer({ groups }))[0]).toMatchObject({ keys: [""], filter: 'tag:""' });
  expect(courseOfAnswer(question, answer({ groups }))?.series[0]?.label).toBe('""');
});

it("quotes an attribute's key where the filter language needs it", () => {
  const groups = [group({ "attr.my key": "x" }, 1)];
  expect(rowsOf(questionOf({ by: "attr.my key" }), answer({ groups }))[0]?.filter).toBe('attr."my key":x');
});

it("counts the spans of the time that was counted", () => {
  expect(spansOf({ project: "shop", range: "24h", filter: "a OR b" }, answer({}), "model:c")).toEqual({
    project: "shop",
    from: "2026-05-04T12:00:00Z",
    to: "2026-05-04T12:02:00Z",
    filter: "(a OR b) model:c",
  });
});

it.each([
  [112, 100, "+12 %"],
  [50, 100, "−50 %"],
  [100, 100, "±0 %"],
  [1, null, "new"],
  [0, 0, "–"],
  [null, 3, "–"],
])("writes %j after %j as %s", (value, before, text) => {
  expect(formatChange(value, before)).toBe(text);
});
