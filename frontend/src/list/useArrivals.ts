import { useEffect, useState } from "react";

const SHOWN_MS = 1500;
const NONE: ReadonlySet<string> = new Set();

/** The ids that came in above the ones that were there, for as long as they are to stand out. */
export function useArrivals(rows: readonly string[]): ReadonlySet<string> {
  const [seen, setSeen] = useState(rows);
  const [arrived, setArrived] = useState(NONE);
  if (seen !== rows) {
    setSeen(rows);
    const ids = arrivals(seen, rows);
    if (ids.size > 0) setArrived(ids);
  }
  useEffect(() => {
    if (arrived.size === 0) return;
    const timer = setTimeout(() => setArrived(NONE), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [arrived]);
  return arrived;
}

/** What `after` has above the first row that it shares with `before`; nothing when they share none. */
export function arrivals(before: readonly string[], after: readonly string[]): ReadonlySet<string> {
  const known = new Set(before);
  const first = after.findIndex((id) => known.has(id));
  return first > 0 ? new Set(after.slice(0, first)) : NONE;
}
