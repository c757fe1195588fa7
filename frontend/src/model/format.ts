const NS = { us: 1e3, ms: 1e6, s: 1e9, min: 60e9, h: 3600e9 };

/** A duration in nanoseconds with three digits at most: `812 ms`, `1.24 s`, `2m 03s`. */
export function formatDuration(ns: number): string {
  if (ns === 0) return "0 s";
  if (ns < NS.us) return `${Math.round(ns)} ns`;
  if (ns < NS.ms * 0.9995) return `${digits(ns / NS.us)} µs`;
  if (ns < NS.s * 0.9995) return `${digits(ns / NS.ms)} ms`;
  if (ns < NS.min * 0.9995) return `${digits(ns / NS.s)} s`;
  const seconds = Math.round(ns / NS.s);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`;
  return `${Math.floor(seconds / 3600)}h ${two(Math.floor((seconds % 3600) / 60))}m`;
}

/** A round point of time on an axis, without zeros after the decimal point: `100 ms`, `1.5 s`. */
export function formatTick(ns: number): string {
  return ns === 0 ? "0" : formatDuration(ns).replace(/\.(\d*?)0+ /, (_, kept) => (kept ? `.${kept} ` : " "));
}

/** A count that stays narrow: exact below 10,000, then `12.3k`, `4.56M`, `1.20B`; of a fraction three digits. */
export function formatCount(count: number): string {
  if (count > 0 && count < 1) return count.toLocaleString("en-US", { maximumSignificantDigits: 3 });
  if (count < 10_000) return count.toLocaleString("en-US");
  if (count < 999_500) return `${digits(count / 1e3)}k`;
  if (count < 999.5e6) return `${digits(count / 1e6)}M`;
  return `${digits(count / 1e9)}B`;
}

/** US dollars with the precision that matters at that size: `$12.34`, `$0.0123`, `<$0.000001`. */
export function formatCost(usd: number): string {
  if (usd === 0) return "$0";
  if (usd < 0.000001) return "<$0.000001";
  if (usd < 0.99995)
    return `$${trimZeros(usd.toFixed(usd < 0.0001 ? 6 : usd < 0.01 ? 5 : 4))}`.padEnd("$0.00".length, "0");
  return `$${usd.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
}

const THREE_DIGITS = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 });
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const DAY_AND_YEAR = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const FULL = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** Local time of day, with the day when it is another than today, and its year when that is another one. */
export function formatTime(iso: string, now: Date = new Date()): string {
  const time = new Date(iso);
  const clock = CLOCK.format(time);
  if (time.toDateString() === now.toDateString()) return clock;
  const day = time.getFullYear() === now.getFullYear() ? DAY : DAY_AND_YEAR;
  return `${day.format(time)} ${clock}`;
}

const UTC_DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });

const DAY_MS = 86_400_000;

/**
 * The beginning of an hour, as a local time, or of a day, which is UTC's, as its date: days that lie whole in the range
 * that was counted are counted as such.
 */
export function formatBucket(iso: string, { from, to }: { from?: string; to?: string }): string {
  const start = Date.parse(iso);
  const isWhole = (!from || Date.parse(from) <= start) && (!to || start + DAY_MS <= Date.parse(to));
  return start % DAY_MS === 0 && isWhole ? UTC_DAY.format(start) : formatTime(iso);
}

/** Local date and time in full. */
export function formatDateTime(iso: string): string {
  return FULL.format(new Date(iso));
}

/** The same instant in UTC, to the millisecond. */
export function formatUtc(iso: string): string {
  return `${new Date(iso).toISOString().replace("T", " ").replace("Z", "")} UTC`;
}

export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

function digits(value: number): string {
  return value < 9.995 ? value.toFixed(2) : value < 99.95 ? value.toFixed(1) : value.toFixed(0);
}

function two(value: number): string {
  return value.toString().padStart(2, "0");
}

function trimZeros(decimal: string): string {
  return decimal.replace(/0+$/, "");
}

/** A share of one as a percentage of three digits: `1.23 %`, `50 %`, `17,900 %`. */
export function formatPercent(share: number): string {
  const percent = share * 100;
  return `${percent > 0 && percent < 0.01 ? "<0.01" : THREE_DIGITS.format(percent)} %`;
}

/** A value that may be the empty text, which is not the same as none. */
export function shownText(value: string): string {
  return value === "" ? '""' : value;
}
