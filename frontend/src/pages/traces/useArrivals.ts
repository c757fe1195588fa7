import { useEffect, useState } from "react";
import type { Trace } from "../../model/trace";

const SHOWN_MS = 1500;
const NONE: ReadonlySet<string> = new Set();

/** The ids of traces that came in above the ones that were there, for as long as they are to stand out. */
export function useArrivals(traces: readonly Trace[]): ReadonlySet<string> {
  const [seen, setSeen] = useState(traces);
  const [arrived, setArrived] = useState(NONE);
  if (seen !== traces) {
    setSeen(traces);
    const ids = arrivals(seen, traces);
    if (ids.size > 0) setArrived(ids);
  }
  useEffect(() => {
    if (arrived.size === 0) return;
    const timer = setTimeout(() => setArrived(NONE), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [arrived]);
  return arrived;
}

/** What `after` has above the first trace that it shares with `before`; nothing when they share none. */
export function arrivals(before: readonly Trace[], after: readonly Trace[]): ReadonlySet<string> {
  const known = new Set(before.map((trace) => trace.id));
  const first = after.findIndex((trace) => known.has(trace.id));
  return first > 0 ? new Set(after.slice(0, first).map((trace) => trace.id)) : NONE;
}
