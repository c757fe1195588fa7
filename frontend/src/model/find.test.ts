import { expect, it } from "vitest";
import { firstOf, fitting } from "./find";

const all = ["Ärger", "İstanbul", "b", "c", "<b>"].map((id) => ({ id }));
const found = (typed: string, most: number, kept?: string) => {
  const { found: first, more } = firstOf(all, ({ id }) => id, typed, most, kept);
  return [first.map(({ id }) => id), more];
};

it("finds what holds the typed text, whatever its case and accents", () => {
  const texts = (typed: string) => fitting(all, ({ id }) => id, typed).map(({ id }) => id);
  expect(texts("arg")).toEqual(["Ärger"]);
  expect(texts("ISTAN")).toEqual(["İstanbul"]);
  expect(texts(" B ")).toEqual(["İstanbul", "b", "<b>"]);
  expect(texts("(")).toEqual([]);
  expect(texts(" ")).toEqual(all.map(({ id }) => id));
});

it("shows the first of many, and the chosen one, and says how many more there are", () => {
  expect(found("", 2)).toEqual([["Ärger", "İstanbul"], 3]);
  expect(found("", 2, "c")).toEqual([["Ärger", "c"], 3]);
  expect(found("", 2, "İstanbul")).toEqual([["Ärger", "İstanbul"], 3]);
  expect(found("b", 3, "c")).toEqual([["İstanbul", "b", "<b>"], 0]);
});
