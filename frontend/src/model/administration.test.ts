import { expect, it } from "vitest";
import { daysOf, endOf, parseSettingsSearch } from "./administration";

it("keeps what the settings know and drops the rest", () => {
  expect(parseSettingsSearch({ project: "demo", tab: "audit", filter: "x" })).toEqual({
    project: "demo",
    tab: "audit",
  });
  expect(parseSettingsSearch({ project: "default", tab: "nonsense" })).toEqual({});
});

it("leaves to the server what is empty", () => {
  const days = { spans: "90", content: " ", rollups: "", logs: "0", metrics: "" };
  expect(daysOf(days)).toEqual({ spans: 90, content: null, rollups: null, logs: 0, metrics: null });
});

it("takes a day until its end, where the reader is", () => {
  expect(endOf("")).toBeNull();
  expect(new Date(endOf("2026-02-28") as string).getTime()).toBe(new Date(2026, 2, 1).getTime());
});
