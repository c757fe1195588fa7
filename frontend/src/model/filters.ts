import { isKeyOf } from "./keys";

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

/**
 * What every view's URL says: the project, a filter in the filter language, and a range of time, either one that ends
 * now or two instants (ISO 8601 in UTC). What is absent does not restrict.
 */
export interface ViewSearch {
  project?: string;
  filter?: string;
  range?: RangeName;
  from?: string;
  to?: string;
}

/** What lists of traces and spans can be ordered by. */
export const LIST_ORDERS = { time: "Time", duration: "Duration", cost: "Cost", tokens: "Tokens" } as const;
export type ListOrder = keyof typeof LIST_ORDERS;

/**
 * The URL of a list beside which facets can be shown; without `facets` they are where there is room. Without `order` it
 * is by time, without `direction` the largest and newest come first.
 */
export interface ListSearch extends ViewSearch {
  facets?: "0" | "1";
  order?: Exclude<ListOrder, "time">;
  direction?: "asc";
}

export const SPAN_TABS = ["messages", "timing", "attributes", "events", "scores", "raw"] as const;
export type SpanTab = (typeof SPAN_TABS)[number];

/**
 * The trace page's part of the URL: the project, the span whose details are open and which of them, what is looked for
 * among the spans, and whether the critical path stands out.
 */
export interface SpanSearch {
  project?: string;
  span?: string;
  tab?: SpanTab;
  find?: string;
  critical?: "1";
}

/** What of a URL's query is valid; the rest is dropped. */
export function parseViewSearch(raw: Record<string, unknown>): ViewSearch {
  const search: ViewSearch = {};
  for (const key of ["project", "filter"] as const) {
    const value = raw[key];
    if (typeof value === "string" && value.trim() !== "") search[key] = value.trim();
  }
  if (search.project === DEFAULT_PROJECT) delete search.project;
  if (isKeyOf(RANGES, raw.range)) search.range = raw.range;
  else {
    for (const key of ["from", "to"] as const) {
      const value = raw[key];
      const time = typeof value === "string" && instantOf(value);
      if (time) search[key] = time;
    }
  }
  return search;
}

/** An instant as the API reads it: as it is written with its zone, or else a local time or a day in UTC; else null. */
function instantOf(text: string): string | null {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) return null;
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text) ? text : time.toISOString();
}

export function parseListSearch(raw: Record<string, unknown>): ListSearch {
  const search: ListSearch = parseViewSearch(raw);
  if (raw.facets === "0" || raw.facets === "1") search.facets = raw.facets;
  if (isKeyOf(LIST_ORDERS, raw.order) && raw.order !== "time") search.order = raw.order;
  if (raw.direction === "asc") search.direction = raw.direction;
  return search;
}

/** Whether a list goes on at its top when something arrives. */
export function isNewestFirst({ order, direction }: ListSearch): boolean {
  return !order && !direction;
}

/** The same list by `order`: largest first, and the other way round when it was that already. */
export function inOrder(search: ListSearch, order: ListOrder): ListSearch {
  const turned = (search.order ?? "time") === order && !search.direction;
  return withChanges(search, { order: order === "time" ? undefined : order, direction: turned ? "asc" : undefined });
}

/** What of a trace page's URL query is valid; the rest is dropped. */
export function parseSpanSearch(raw: Record<string, unknown>): SpanSearch {
  const search: SpanSearch = {};
  if (typeof raw.project === "string" && raw.project !== "") search.project = raw.project;
  if (typeof raw.span === "string" && raw.span !== "") search.span = raw.span;
  const tab = SPAN_TABS.find((name) => name === raw.tab);
  if (tab) search.tab = tab;
  if (typeof raw.find === "string" && raw.find !== "") search.find = raw.find;
  if (raw.critical === "1") search.critical = "1";
  return search;
}

/** Whether the filter or the range restricts the list. */
export function isFiltered({ filter, range, from, to }: ViewSearch): boolean {
  return Boolean(filter || range || from || to);
}

/** Whether the range ends before, or when, it begins, and so holds nothing. */
export function isBackward({ from, to }: ViewSearch): boolean {
  return from !== undefined && to !== undefined && Date.parse(from) >= Date.parse(to);
}

/** Parts of a view's URL that are set; an empty value or undefined removes one. */
export type Changes<S> = Partial<Record<keyof S, string | undefined>>;

/** The URL of a view after `changes`, without what is empty. */
export function withChanges<S extends object>(search: S, changes: Changes<S>): S {
  return Object.fromEntries(Object.entries({ ...search, ...changes }).filter(([, value]) => value)) as S;
}

/** The search that names a project and nothing else. */
export function inProject(project: string | undefined): { project?: string } {
  return project === undefined || project === DEFAULT_PROJECT ? {} : { project };
}

export function parseProjectSearch(raw: Record<string, unknown>): { project?: string } {
  const { project } = parseViewSearch({ project: raw.project });
  return inProject(project);
}

/** What the API's lists and sums are asked with. */
export interface ViewQuery {
  project: string;
  filter?: string;
  from?: string;
  to?: string;
}

/** The query of a view at `now`; `otherwise` is the range where the URL names none. */
export function toViewQuery(search: ViewSearch, now: Date, otherwise?: RangeName): ViewQuery {
  const query: ViewQuery = { project: search.project ?? DEFAULT_PROJECT };
  const range = search.range ?? (search.from || search.to ? undefined : otherwise);
  if (range) query.from = new Date(now.getTime() - RANGES[range].seconds * 1000).toISOString();
  if (search.from) query.from = search.from;
  if (search.to) query.to = search.to;
  if (search.filter) query.filter = search.filter;
  return query;
}
