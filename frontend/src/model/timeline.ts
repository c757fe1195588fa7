import type { Span } from "./span";

/** Where a span's bar lies, in percent of the trace's width; `firstToken` is where its first token came. */
export interface Bar {
  left: number;
  width: number;
  firstToken: number | null;
}

export function barOf(span: Span, durationNs: number): Bar {
  if (durationNs <= 0) return { left: 0, width: 100, firstToken: null };
  const percent = (ns: number) => Math.min(100, Math.max(0, (ns / durationNs) * 100));
  const left = percent(span.offsetNs);
  return {
    left,
    width: Math.min(100 - left, percent(span.durationNs)),
    firstToken: span.firstTokenNs === null ? null : percent(span.offsetNs + span.firstTokenNs),
  };
}

/** Levels that are indented in full, and by how much; deeper ones share what is left, so that names stay in sight. */
const WIDE_LEVELS = 8;
const LEVEL_PIXELS = 14;
const DEEPER_PIXELS = 32;

/** How far the name of a span is indented, in pixels: ever more, never more than 144. */
export function indentOf(depth: number): number {
  const deeper = Math.max(0, depth - WIDE_LEVELS);
  return Math.min(depth, WIDE_LEVELS) * LEVEL_PIXELS + (DEEPER_PIXELS * deeper) / (deeper + WIDE_LEVELS);
}

/** The last tick stays this far from the end, where its label would not fit. */
const LAST_TICK = 0.9;

/** Round points of time, in nanoseconds from zero, about `count` of them. */
export function ticks(durationNs: number, count = 5): number[] {
  if (durationNs <= 0) return [0];
  const rough = durationNs / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  const points: number[] = [];
  for (let point = 0; point < durationNs * LAST_TICK; point += step) points.push(point);
  return points;
}
