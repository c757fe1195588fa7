import { describe, expect, it } from "vitest";
import { aSpan } from "./testing";
import { barOf, indentOf, ticks } from "./timeline";

describe("barOf", () => {
  it("places a span within the trace", () => {
    const span = aSpan({ id: "s", offsetNs: 250, durationNs: 500, firstTokenNs: 100 });
    expect(barOf(span, 1000)).toEqual({ left: 25, width: 50, firstToken: 35 });
  });

  it("never leaves the lane", () => {
    expect(barOf(aSpan({ id: "s", offsetNs: 900, durationNs: 500 }), 1000)).toMatchObject({ left: 90, width: 10 });
    expect(barOf(aSpan({ id: "s", offsetNs: -100, durationNs: 10 }), 1000)).toMatchObject({ left: 0 });
  });

  it("fills the lane of a trace that took no time", () => {
    expect(barOf(aSpan({ id: "s", durationNs: 0 }), 0)).toEqual({ left: 0, width: 100, firstToken: null });
  });
});

describe("ticks", () => {
  it.each([
    [1000, [0, 200, 400, 600, 800]],
    [4_110, [0, 1000, 2000, 3000]],
    [60_000, [0, 20_000, 40_000]],
    [0, [0]],
  ])("are round for %d ns", (duration, expected) => {
    expect(ticks(duration)).toEqual(expected);
  });
});

it("indents each level more than the one above, and leaves room for the name", () => {
  const levels = Array.from({ length: 300 }, (_, depth) => indentOf(depth));
  expect(levels.slice(0, 3)).toEqual([0, 14, 28]);
  expect(levels.every((indent, depth) => depth === 0 || indent > (levels[depth - 1] as number))).toBe(true);
  expect(levels.at(-1)).toBeLessThan(144);
});
