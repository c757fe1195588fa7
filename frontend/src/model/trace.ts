import type { Wire } from "../api/client";
import type { Page } from "./page";

/** What is shown of a span that was sent without a name. */
export const UNNAMED = "unnamed";

/** One trace in a list. Times are ISO 8601 in UTC, durations nanoseconds, costs US dollars. */
export interface Trace {
  project: string;
  id: string;
  name: string;
  service: string;
  hasRoot: boolean;
  startTime: string;
  durationNs: number;
  failed: boolean;
  spanCount: number;
  errorCount: number;
  inputTokens: number;
  outputTokens: number;
  cost: number | null;
  /** Generations without a known price: `cost` leaves them out. */
  unpricedCount: number;
  models: string[];
  userId: string | null;
  sessionId: string | null;
  tags: string[];
  environment: string | null;
  inputPreview: string | null;
  outputPreview: string | null;
}

export function toTrace(wire: Wire["TraceSummary"]): Trace {
  return {
    project: wire.project,
    id: wire.trace_id,
    name: wire.name || UNNAMED,
    service: wire.service,
    hasRoot: wire.has_root,
    startTime: wire.start_time,
    durationNs: wire.duration_ns,
    failed: wire.status === "error",
    spanCount: wire.span_count,
    errorCount: wire.error_count,
    inputTokens: wire.input_tokens,
    outputTokens: wire.output_tokens,
    cost: dollars(wire.cost),
    unpricedCount: wire.unpriced_count,
    models: wire.models,
    userId: wire.user_id,
    sessionId: wire.session_id,
    tags: wire.tags,
    environment: wire.environment,
    inputPreview: wire.input_preview,
    outputPreview: wire.output_preview,
  };
}

export function toTracePage(wire: Wire["TracePage"]): Page<Trace> {
  return { rows: wire.traces.map(toTrace), nextCursor: wire.next_cursor };
}

/** A decimal string of the API as a number to show; sums are the API's business. */
export function dollars(decimal: string | null): number | null {
  return decimal === null ? null : Number(decimal);
}
