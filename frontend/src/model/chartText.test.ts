import { expect, it } from "vitest";
import type { Course } from "./analytics";
import { chartText } from "./chartText";
import { formatDateTime } from "./format";

it("says what a chart shows to those who do not see it", () => {
  const range = { from: "2026-05-04T12:00:00Z", to: "2026-05-04T15:00:00Z" };
  const line = (label: string, ...values: (number | null)[]) => ({ label, filter: "", values });
  const series = [line("p50", 2e9, null, 1e9), line("p95", 3e9, 3e9, 3e9), line("p99", null, null, null)];
  const course: Course = { ...range, unit: "nanoseconds", step: 3600, times: [0, 3600, 7200], series };
  expect(chartText(course)).toBe(
    `${formatDateTime(range.from)} to ${formatDateTime(range.to)}. p50: from 1.00 s to 2.00 s, at last 1.00 s. ` +
      "p95: always 3.00 s. p99: no value.",
  );
});
