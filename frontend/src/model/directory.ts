import type { Wire } from "../api/client";
import { parseViewSearch, type RangeName, toViewQuery, type ViewSearch, withChanges } from "./filters";
import { type FindSearch, parseFind } from "./find";
import { isKeyOf } from "./keys";

/** What users and models can be put in order by, largest first. */
export const ORDERS = { cost: "Cost", requests: "Requests", tokens: "Tokens", errors: "Errors" } as const;
export type Order = keyof typeof ORDERS;

/** The range of lists of users and models where the URL names none. */
export const DIRECTORY_RANGE: RangeName = "7d";

/** How many users or models a list shows at first. */
export const SHOWN = 100;
/** As many as the API tells of. */
export const MOST = "500";

/** What the URLs of lists of users and models have in common; `top` is how many they show, where it is not the first few. */
export interface DirectorySearch extends ViewSearch {
  order?: Order;
  top?: typeof MOST;
}

/** The URL of the list of models; `unpriced` keeps to those with calls without a price. */
export interface ModelSearch extends Omit<DirectorySearch, "filter">, FindSearch {
  unpriced?: "1";
}

export function parseUserSearch(raw: Record<string, unknown>): DirectorySearch {
  const search: DirectorySearch = parseViewSearch(raw);
  if (isKeyOf(ORDERS, raw.order)) search.order = raw.order;
  if (raw.top === MOST) search.top = MOST;
  return search;
}

export function parseModelSearch(raw: Record<string, unknown>): ModelSearch {
  const { filter: _, ...search }: ModelSearch & DirectorySearch = { ...parseUserSearch(raw), ...parseFind(raw) };
  if (raw.unpriced === "1") search.unpriced = "1";
  return search;
}

/** The same list in another order. */
export function inOrder<S extends DirectorySearch>(search: S, order: string): S {
  return withChanges<DirectorySearch>(search, { order: order === "cost" ? undefined : (order as Order) }) as S;
}

const HOUR_MS = 3_600_000;
/** What the API widens the range of a list to whole ones of, in milliseconds. */
const WIDENED_TO_MS = { users: HOUR_MS, models: 60_000 };

/** A filter and a range between two instants; what is asked for and what links to its spans lead to. */
export type CountedView = Pick<ViewSearch, "project" | "filter"> & { from: string; to: string };

/** What a list counts at `now`: its range, widened as the API does, so that its links lead to the spans that were counted. */
export function countedView(search: DirectorySearch, list: keyof typeof WIDENED_TO_MS, now: Date): CountedView {
  const { from, to, filter } = toViewQuery(search, now, DIRECTORY_RANGE);
  const end = to ? Date.parse(to) : now.getTime();
  const start = from ? Date.parse(from) : end - 24 * HOUR_MS;
  const size = start < end ? WIDENED_TO_MS[list] : 1;
  return {
    ...(search.project && { project: search.project }),
    ...(filter && { filter }),
    from: new Date(Math.floor(start / size) * size).toISOString(),
    to: new Date(Math.ceil(end / size) * size).toISOString(),
  };
}

export function totalTokens(usage: Pick<Wire["Usage"], "input_tokens" | "output_tokens">): number {
  return usage.input_tokens + usage.output_tokens;
}
