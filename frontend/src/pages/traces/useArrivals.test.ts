import { expect, it } from "vitest";
import type { Trace } from "../../model/trace";
import { arrivals } from "./useArrivals";

const traces = (...ids: string[]) => ids.map((id) => ({ id }) as Trace);

it("are what stands above the traces known before", () => {
  expect([...arrivals(traces("b", "a"), traces("d", "c", "b", "a"))]).toEqual(["d", "c"]);
});

it("are none in the first answer, in another list, or among older traces", () => {
  expect(arrivals([], traces("a")).size).toBe(0);
  expect(arrivals(traces("x"), traces("a")).size).toBe(0);
  expect(arrivals(traces("b"), traces("b", "a")).size).toBe(0);
});
