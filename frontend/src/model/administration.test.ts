import { expect, it } from "vitest";
import { parseSettingsSearch } from "./administration";

it("keeps what the settings know and drops the rest", () => {
  expect(parseSettingsSearch({ project: "demo", tab: "audit", filter: "x" })).toEqual({
    project: "demo",
    tab: "audit",
  });
  expect(parseSettingsSearch({ project: "default", tab: "nonsense" })).toEqual({});
});
