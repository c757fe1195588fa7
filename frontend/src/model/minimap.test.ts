import { describe, expect, it } from "vitest";
import { miniature, scrollTopAt } from "./minimap";

describe("miniature", () => {
  it("shows ten thousand rows in the map's height, the part in sight never too small to grab", () => {
    expect(miniature(10_000, 28, 700, 0, 700)).toEqual({ length: 700, top: 0, height: 8 });
    const end = miniature(10_000, 28, 700, 10_000 * 28 - 700, 700);
    expect(end.top + end.height).toBeCloseTo(700);
  });

  it("draws few rows no taller than a line", () => {
    expect(miniature(100, 28, 700, 0, 700)).toEqual({ length: 400, top: 0, height: 100 });
    expect(miniature(10, 28, 700, 0, 700)).toEqual({ length: 40, top: 0, height: 40 });
    expect(miniature(1, 28, 20, 8, 700)).toEqual({ length: 4, top: 0, height: 4 });
  });
});

it("scrolls to where the window was dragged, and no further than the ends", () => {
  const map = miniature(1000, 28, 700, 5000, 700);
  expect(scrollTopAt(map.top, map, 1000, 28, 700)).toBeCloseTo(5000);
  expect(scrollTopAt(-50, map, 1000, 28, 700)).toBe(0);
  expect(scrollTopAt(9000, map, 1000, 28, 700)).toBe(27_300);
  expect(scrollTopAt(9, miniature(5, 28, 700, 0, 700), 5, 28, 700)).toBe(0);
});
