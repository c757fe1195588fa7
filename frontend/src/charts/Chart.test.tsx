import { cleanup, render } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Course } from "../model/analytics";
import { axisWidth, Chart } from "./Chart";

const drawn = vi.hoisted(() => ({
  options: [] as { axes: { values: (chart: null, splits: number[]) => string[] }[] }[],
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

it("writes days on its axis when a range of hours becomes one of weeks", () => {
  const chart = (of: Course) => <Chart label="Requests" course={of} onRange={() => undefined} />;
  const { rerender } = render(chart(course(3600, 24)));
  rerender(chart(course(3600, 24)));
  expect(drawn.options).toHaveLength(1);
  expect(drawn.options.at(-1)?.axes[0]?.values(null, [43_200])[0]).toMatch(/^\d\d:\d\d$/);

  rerender(chart(course(86_400, 30)));
  expect(drawn.options.at(-1)?.axes[0]?.values(null, [43_200])[0]).toBe("1 Jan");
});

it("gives large numbers beside it the room that they take", () => {
  expect(axisWidth(null)).toBe(axisWidth(["$0", "$50.00"]));
  expect(axisWidth(["$0", "$100,000.00"])).toBeGreaterThan(axisWidth(["$0", "$50.00"]));
});
