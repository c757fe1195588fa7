import type { TraceQuery } from "../api/client";

export const DEFAULT_PROJECT = "default";

/** Ranges that end now, in seconds. */
export const RANGES = {
  "15m": { label: "Last 15 minutes", seconds: 900 },
  "1h": { label: "Last hour", seconds: 3600 },
  "24h": { label: "Last 24 hours", seconds: 86_400 },
  "7d": { label: "Last 7 days", seconds: 7 * 86_400 },
  "30d": { label: "Last 30 days", seconds: 30 * 86_400 },
} as const;

export type RangeName = keyof typeof RANGES;

/** The trace list's part of the URL; what is absent does not restrict. `from` and `to` are ISO 8601 in UTC. */
export interface TraceSearch {
  project?: string;
  model?: string;
  service?: string;
  user?: string;
  session?: string;
  errors?: "1";
  range?: RangeName;
  from?: string;
  to?: string;
}

export const SPAN_TABS = ["messages", "attributes", "events", "raw"] as const;
export type SpanTab = (typeof SPAN_TABS)[number];

/** The trace page's part of the URL: the project, the span whose details are open and which of them. */
export interface SpanSearch {
  project?: string;
  span?: string;
  tab?: SpanTab;
}

const TEXT_KEYS = ["project", "model", "service", "user", "session"] as const;

/** What of a URL's query is valid; the rest is dropped. */
export function parseTraceSearch(raw: Record<string, unknown>): TraceSearch {
  const search: TraceSearch = {};
  for (const key of TEXT_KEYS) {
    const value = raw[key];
    if (typeof value === "string" && value !== "") search[key] = value;
  }
  if (search.project === DEFAULT_PROJECT) delete search.project;
  if (raw.errors === "1") search.errors = "1";
  if (typeof raw.range === "string" && raw.range in RANGES) search.range = raw.range as RangeName;
  else {
    for (const key of ["from", "to"] as const) {
      const value = raw[key];
      if (typeof value === "string" && !Number.isNaN(Date.parse(value))) search[key] = value;
    }
  }
  return search;
}

/** What of a trace page's URL query is valid; the rest is dropped. */
export function parseSpanSearch(raw: Record<string, unknown>): SpanSearch {
  const search: SpanSearch = {};
  if (typeof raw.project === "string" && raw.project !== "") search.project = raw.project;
  if (typeof raw.span === "string" && raw.span !== "") search.span = raw.span;
  const tab = SPAN_TABS.find((name) => name === raw.tab);
  if (tab) search.tab = tab;
  return search;
}

/** Whether anything but the project restricts the list. */
export function isFiltered({ project: _, ...filters }: TraceSearch): boolean {
  return Object.keys(filters).length > 0;
}

export function toTraceQuery(search: TraceSearch, limit: number, now: Date): TraceQuery {
  const query: TraceQuery = { project: search.project ?? DEFAULT_PROJECT, limit };
  if (search.range) query.from = new Date(now.getTime() - RANGES[search.range].seconds * 1000).toISOString();
  if (search.from) query.from = search.from;
  if (search.to) query.to = search.to;
  if (search.model) query.model = search.model;
  if (search.service) query.service = search.service;
  if (search.user) query.user_id = search.user;
  if (search.session) query.session_id = search.session;
  if (search.errors) query.status = "error";
  return query;
}
