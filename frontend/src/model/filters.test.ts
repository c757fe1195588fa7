import { describe, expect, it } from "vitest";
import {
  inOrder,
  isBackward,
  isFiltered,
  isNewestFirst,
  parseListSearch,
  parseSpanSearch,
  parseViewSearch,
  toViewQuery,
  type ViewSearch,
  withChanges,
} from "./filters";

const NOW = new Date("2026-05-04T12:00:00Z");

describe("parseViewSearch", () => {
  it("keeps what is valid and drops the rest", () => {
    expect(parseViewSearch({ filter: " model:gpt-4o ", project: 7, range: "1y", to: "", other: "x" })).toEqual({
      filter: "model:gpt-4o",
    });
  });

  it("leaves the default project out", () => {
    expect(parseViewSearch({ project: "default", filter: "status:error" })).toEqual({ filter: "status:error" });
  });

  it("prefers a range that ends now to fixed times", () => {
    expect(parseViewSearch({ range: "1h", from: "2026-01-01T00:00:00Z" })).toEqual({ range: "1h" });
    expect(parseViewSearch({ from: "2026-01-01T00:00:00Z", to: "soon" })).toEqual({ from: "2026-01-01T00:00:00Z" });
  });

  it("makes of times that people write what the API reads", () => {
    expect(parseViewSearch({ from: "2026-01-01", to: "2026-01-02T03:04" })).toEqual({
      from: "2026-01-01T00:00:00.000Z",
      to: new Date(2026, 0, 2, 3, 4).toISOString(),
    });
    const exact = { from: "2026-01-01T00:00:00.123456Z", to: "2026-01-02T00:00:00+02:00" };
    expect(parseViewSearch(exact)).toEqual(exact);
  });
});

describe("toViewQuery", () => {
  it("asks for the default project when none is named", () => {
    expect(toViewQuery({}, NOW)).toEqual({ project: "default" });
  });

  it("passes the filter on", () => {
    expect(toViewQuery({ project: "demo", filter: "user:u" }, NOW)).toEqual({ project: "demo", filter: "user:u" });
  });

  it("counts a range back from now", () => {
    expect(toViewQuery({ range: "15m" }, NOW).from).toBe("2026-05-04T11:45:00.000Z");
  });

  it("takes another range only where the URL names no time", () => {
    expect(toViewQuery({}, NOW, "1h").from).toBe("2026-05-04T11:00:00.000Z");
    expect(toViewQuery({ range: "15m" }, NOW, "1h").from).toBe("2026-05-04T11:45:00.000Z");
    expect(toViewQuery({ to: "2026-01-01T00:00:00Z" }, NOW, "1h").from).toBeUndefined();
  });
});

it("turns an order round when it is chosen again", () => {
  expect(inOrder({ filter: "x" }, "cost")).toEqual({ filter: "x", order: "cost" });
  expect(inOrder({ order: "cost" }, "cost")).toEqual({ order: "cost", direction: "asc" });
  expect(inOrder({ order: "cost", direction: "asc" }, "cost")).toEqual({ order: "cost" });
  expect(inOrder({ order: "cost", direction: "asc" }, "time")).toEqual({});
  expect(inOrder({}, "time")).toEqual({ direction: "asc" });
  expect([{}, { direction: "asc" } as const, { order: "cost" } as const].map(isNewestFirst)).toEqual([
    true,
    false,
    false,
  ]);
});

it("knows whether facets are asked for, and the order", () => {
  expect(parseListSearch({ facets: "0", order: "cost", direction: "asc" })).toEqual({
    facets: "0",
    order: "cost",
    direction: "asc",
  });
  expect(parseListSearch({ order: "time", direction: "desc" })).toEqual({});
  expect(parseListSearch({ order: "name" })).toEqual({});
  expect(parseListSearch({ facets: "yes" })).toEqual({});
});

it("changes a view's URL and drops what is empty", () => {
  const search: ViewSearch = { project: "demo", filter: "status:error", range: "1h" };
  expect(withChanges(search, { filter: "", range: undefined, from: "2026-01-01T00:00:00Z" })).toEqual({
    project: "demo",
    from: "2026-01-01T00:00:00Z",
  });
});

it("calls a list filtered for anything but its project", () => {
  expect(isFiltered({ project: "demo" })).toBe(false);
  expect(isFiltered({ project: "demo", filter: "status:error" })).toBe(true);
});

it("keeps a trace page's valid search", () => {
  expect(parseSpanSearch({ project: "demo", span: "ab", tab: "raw", x: "y" })).toEqual({
    project: "demo",
    span: "ab",
    tab: "raw",
  });
  expect(parseSpanSearch({ tab: "nonsense" })).toEqual({});
});

it("knows a range that ends before it begins, whatever its zones", () => {
  const from = "2026-05-04T12:00:00+02:00";
  expect(isBackward({ from, to: "2026-05-04T09:59:00Z" })).toBe(true);
  expect(isBackward({ from, to: "2026-05-04T10:01:00Z" })).toBe(false);
  expect(isBackward({ from })).toBe(false);
});
