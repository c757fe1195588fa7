import { describe, expect, it } from "vitest";
import { isFiltered, parseSpanSearch, parseTraceSearch, toTraceQuery } from "./filters";

const NOW = new Date("2026-05-04T12:00:00Z");

describe("parseTraceSearch", () => {
  it("keeps what is valid and drops the rest", () => {
    expect(parseTraceSearch({ model: "gpt-4o", user: "", session: 7, errors: "yes", range: "1y", other: "x" })).toEqual(
      {
        model: "gpt-4o",
      },
    );
  });

  it("leaves the default project out", () => {
    expect(parseTraceSearch({ project: "default", errors: "1" })).toEqual({ errors: "1" });
  });

  it("prefers a range that ends now to fixed times", () => {
    expect(parseTraceSearch({ range: "1h", from: "2026-01-01T00:00:00Z" })).toEqual({ range: "1h" });
    expect(parseTraceSearch({ from: "2026-01-01T00:00:00Z", to: "soon" })).toEqual({ from: "2026-01-01T00:00:00Z" });
  });
});

describe("toTraceQuery", () => {
  it("asks for the default project when none is named", () => {
    expect(toTraceQuery({}, 100, NOW)).toEqual({ project: "default", limit: 100 });
  });

  it("names every filter as the API does", () => {
    const search = { project: "demo", model: "m", service: "s", user: "u", session: "x", errors: "1" } as const;
    expect(toTraceQuery(search, 50, NOW)).toEqual({
      project: "demo",
      limit: 50,
      model: "m",
      service: "s",
      user_id: "u",
      session_id: "x",
      status: "error",
    });
  });

  it("counts a range back from now", () => {
    expect(toTraceQuery({ range: "15m" }, 1, NOW).from).toBe("2026-05-04T11:45:00.000Z");
  });
});

it("calls a list filtered for anything but its project", () => {
  expect(isFiltered({ project: "demo" })).toBe(false);
  expect(isFiltered({ project: "demo", errors: "1" })).toBe(true);
});

it("keeps a trace page's valid search", () => {
  expect(parseSpanSearch({ project: "demo", span: "ab", tab: "raw", x: "y" })).toEqual({
    project: "demo",
    span: "ab",
    tab: "raw",
  });
  expect(parseSpanSearch({ tab: "nonsense" })).toEqual({});
});
