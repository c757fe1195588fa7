import { expect, it } from "vitest";
import { foldAt } from "./Fold";

const LIMIT = { characters: 100, lines: 3 };

it.each([
  ["short", 5],
  ["x".repeat(120), 120],
  ["x".repeat(500), 100],
  ["a\nb\nc\nd\ne\nf", 5],
  [`${"x".repeat(90)}\n${"y".repeat(90)}`, 100],
])("folds %j at %d", (text, at) => {
  expect(foldAt(text, LIMIT)).toBe(at);
});
