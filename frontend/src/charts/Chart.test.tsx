import { cleanup, render } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Course } from "../model/analytics";
import { axisWidth, Chart } from "./Chart";

const drawn = vi.hoisted(() => ({
  options: [] as {
    axes: { values: (chart: null, splits: number[], axis: number, space: number, apart: number) => string[] }[];
  }[],
}));
vi.mock("uplot", () => ({
  default: class {
    constructor(options: (typeof drawn.options)[number]) {
      drawn.options.push(options);
    }
    setData() {}
    setSize() {}
    destroy() {}
  },
}));
vi.mock("uplot/dist/uPlot.min.css", () => ({}));

beforeEach(() => {
  const nothing = { observe: () => undefined, disconnect: () => undefined };
  vi.stubGlobal(
    "ResizeObserver",
    vi.fn(function observer() {
      return nothing;
    }),
  );
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener() {}, removeEventListener() {} }));
});
afterEach(cleanup);

function course(step: number, points: number): Course {
  const times = Array.from({ length: points }, (_, at) => at * step);
  const [from, to] = [0, points * step].map((time) => new Date(time * 1000).toISOString()) as [string, string];
  return {
    unit: "count",
    from,
    to,
    step,
    times,
    series: [{ label: "requests", filter: "", values: times.map(() => 1) }],
  };
}

it("writes on its axis what tells its points of time apart", () => {
  const chart = (of: Course) => <Chart label="Requests" course={of} onRange={() => undefined} />;
  const labels = (apart: number, ...hours: number[]) => {
    const splits = hours.map((hour) => new Date(2026, 9, 24, hour).getTime() / 1000);
    return drawn.options.at(-1)?.axes[0]?.values(null, splits, 0, 0, apart);
  };
  const { rerender } = render(chart(course(3600, 24)));
  rerender(chart(course(3600, 24)));
  expect(drawn.options).toHaveLength(1);
  expect(labels(3600 * 6, 0, 6)).toEqual(["00:00", "06:00"]);
  expect(labels(10, 6)).toEqual(["06:00:00"]);

  rerender(chart(course(86_400, 30)));
  expect(labels(3600 * 6, 0, 6, 24)).toEqual(["24 Oct", "06:00", "25 Oct"]);
  expect(labels(86_400, 0, 24)).toEqual(["24 Oct", "25 Oct"]);
  expect(labels(31 * 86_400, 0)).toEqual(["Oct 2026"]);
});

it("gives large numbers beside it the room that they take", () => {
  expect(axisWidth(null)).toBe(axisWidth(["$0", "$50.00"]));
  expect(axisWidth(["$0", "$100,000.00"])).toBeGreaterThan(axisWidth(["$0", "$50.00"]));
});
