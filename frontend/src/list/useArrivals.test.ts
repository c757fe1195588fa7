import { expect, it } from "vitest";
import { arrivals } from "./useArrivals";

it("are what stands above the rows known before", () => {
  expect([...arrivals(["b", "a"], ["d", "c", "b", "a"])]).toEqual(["d", "c"]);
});

it("are none in the first answer, in another list, or among older rows", () => {
  expect(arrivals([], ["a"]).size).toBe(0);
  expect(arrivals(["x"], ["a"]).size).toBe(0);
  expect(arrivals(["b"], ["b", "a"]).size).toBe(0);
});
