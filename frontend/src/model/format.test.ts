import { describe, expect, it } from "vitest";
import {
  formatBucket,
  formatCost,
  formatCount,
  formatDuration,
  formatPercent,
  formatTick,
  formatTime,
  formatUtc,
  plural,
} from "./format";

describe("formatDuration", () => {
  it.each([
    [0, "0 s"],
    [640, "640 ns"],
    [12_340, "12.3 µs"],
    [4_210_000, "4.21 ms"],
    [812_000_000, "812 ms"],
    [999_600_000, "1.00 s"],
    [1_240_000_000, "1.24 s"],
    [59_980_000_000, "1m 00s"],
    [123_000_000_000, "2m 03s"],
    [3_720_000_000_000, "1h 02m"],
  ])("%d ns is %s", (ns, text) => {
    expect(formatDuration(ns)).toBe(text);
  });
});

describe("formatTick", () => {
  it.each([
    [0, "0"],
    [100_000_000, "100 ms"],
    [2_000_000, "2 ms"],
    [1_500_000_000, "1.5 s"],
    [50_000_000_000, "50 s"],
    [120_000_000_000, "2m 00s"],
  ])("%d ns is %s", (ns, text) => {
    expect(formatTick(ns)).toBe(text);
  });
});

describe("formatCost", () => {
  it.each([
    [0, "$0"],
    [0.00000024, "<$0.000001"],
    [0.000024, "$0.000024"],
    [0.00123, "$0.00123"],
    [0.0146, "$0.0146"],
    [0.5, "$0.50"],
    [0.99999, "$1.00"],
    [12.3456, "$12.35"],
    [1234.5, "$1,234.50"],
  ])("%d dollars are %s", (usd, text) => {
    expect(formatCost(usd)).toBe(text);
  });
});

describe("formatCount", () => {
  it.each([
    [0, "0"],
    [0.000231, "0.000231"],
    [0.04567, "0.0457"],
    [2.34567, "2.346"],
    [9_999, "9,999"],
    [12_345, "12.3k"],
    [999_499, "999k"],
    [999_600, "1.00M"],
    [4_560_000, "4.56M"],
    [999_600_000, "1.00B"],
    [12_345_678_901, "12.3B"],
  ])("%d is %s", (count, text) => {
    expect(formatCount(count)).toBe(text);
  });

  it("makes a plural", () => {
    expect([plural(0, "error"), plural(1, "error"), plural(2, "error")]).toEqual(["0 errors", "1 error", "2 errors"]);
  });
});

describe("times", () => {
  it("name the day only when it is another one", () => {
    const noon = new Date(2026, 4, 4, 12, 0, 5);
    expect(formatTime(noon.toISOString(), new Date(2026, 4, 4, 23))).toBe("12:00:05");
    expect(formatTime(noon.toISOString(), new Date(2026, 4, 5, 1))).toBe("4 May 12:00:05");
    expect(formatTime(noon.toISOString(), new Date(2027, 0, 1))).toBe("4 May 2026 12:00:05");
  });

  it("are told in UTC to the millisecond", () => {
    expect(formatUtc("2026-05-04T12:00:00.123456Z")).toBe("2026-05-04 12:00:00.123 UTC");
  });
});

it("a bucket of a day is a date, one of an hour a time", () => {
  const within = { from: "2026-02-28T13:00:00Z", to: "2026-03-02T13:00:00Z" };
  expect(formatBucket("2026-03-01T00:00:00Z", within)).toBe("1 Mar 2026");
  for (const hour of ["2026-02-28T13:00:00Z", "2026-02-28T00:00:00Z", "2026-03-02T00:00:00Z"]) {
    expect(formatBucket(hour, within)).toBe(formatTime(hour));
  }
});

it.each([
  [0, "0 %"],
  [0.00004, "<0.01 %"],
  [0.000123, "0.0123 %"],
  [0.5, "50 %"],
  [4999, "500,000 %"],
])("writes a share of %d as %s", (share, expected) => {
  expect(formatPercent(share)).toBe(expected);
});
