import { expect, it } from "vitest";
import { directoryView, parseDirectorySearch } from "./directory";

it("keeps what the lists of users and models know and drops the rest", () => {
  expect(parseDirectorySearch({ order: "tokens", unpriced: "1", range: "1h", filter: "x", by: "y" })).toEqual({
    order: "tokens",
    unpriced: "1",
    range: "1h",
  });
  expect(parseDirectorySearch({ order: "luck", unpriced: "yes" })).toEqual({});
});

it("links to spans of the range that the numbers are of", () => {
  expect(directoryView({ project: "demo", order: "tokens" })).toEqual({ project: "demo", range: "7d" });
  expect(directoryView({ from: "2026-01-01T00:00:00Z" })).toEqual({ from: "2026-01-01T00:00:00Z" });
});
