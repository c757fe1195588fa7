import { describe, expect, it } from "vitest";
import { parseSettingsSearch } from "./administration";
import { parseAlertSearch } from "./alerts";
import { parseOverviewSearch } from "./analytics";
import { parseToolsSearch } from "./codingTools";
import { parseModelSearch } from "./directory";
import { groupingLabel, isGrouping, parseExploreSearch } from "./explore";
import { parseListSearch } from "./filters";
import { parseLogSearch, toolLabel } from "./logs";
import { metricCourse, parseMetricSearch } from "./metrics";

const PARSERS: Record<string, (raw: Record<string, unknown>) => object> = {
  administration: parseSettingsSearch,
  alerts: parseAlertSearch,
  overview: parseOverviewSearch,
  tools: parseToolsSearch,
  directory: parseModelSearch,
  explore: parseExploreSearch,
  lists: parseListSearch,
  logs: parseLogSearch,
};
const CHOICES = ["range", "order", "tab", "tool", "severity", "metric", "agg", "interval", "form"];

describe.each(["toString", "constructor", "__proto__", "hasOwnProperty"])(
  "%s is no choice, though every object has it",
  (odd) => {
    it.each(Object.entries(PARSERS))("of %s", (_, parse) => {
      expect(parse({ ...Object.fromEntries(CHOICES.map((name) => [name, odd])), by: odd })).toEqual({});
    });

    it("of metrics, whose names and labels are free", () => {
      expect(parseMetricSearch({ function: odd, range: odd, name: odd, by: odd })).toEqual({ name: odd, by: odd });
      const nothing = { interval_seconds: 60, lines: [], line_count: 0 };
      const range = { from: "2026-01-01T00:00:00Z", to: "2026-01-01T01:00:00Z" };
      expect(metricCourse(nothing, range, odd, { function: "sum", by: odd })?.unit).toBe("count");
    });

    it("of groupings and tools", () => {
      expect(isGrouping(odd)).toBe(false);
      expect([groupingLabel(odd), toolLabel(odd)]).toEqual([odd, odd]);
    });
  },
);
