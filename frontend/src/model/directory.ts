import type { Wire } from "../api/client";
import { parseViewSearch, type RangeName, toViewQuery, type ViewSearch, withChanges } from "./filters";
import { isKeyOf } from "./keys";

/** What users and models can be put in order by, largest first. */
export const ORDERS = { cost: "Cost", requests: "Requests", tokens: "Tokens", errors: "Errors" } as const;
export type Order = keyof typeof ORDERS;

/** The range of lists of users and models where the URL names none. */
export const DIRECTORY_RANGE: RangeName = "7d";

/** The URL of a list of users or models; `unpriced` keeps to models with calls without a price. */
export interface DirectorySearch extends Omit<ViewSearch, "filter"> {
  order?: Order;
  unpriced?: "1";
}

export function parseDirectorySearch(raw: Record<string, unknown>): DirectorySearch {
  const { filter: _, ...search }: DirectorySearch & ViewSearch = parseViewSearch(raw);
  if (isKeyOf(ORDERS, raw.order)) search.order = raw.order;
  if (raw.unpriced === "1") search.unpriced = "1";
  return search;
}

/** The same list in another order. */
export function inOrder(search: DirectorySearch, order: string): DirectorySearch {
  return withChanges(search, { order: order === "cost" ? undefined : (order as Order) });
}

const HOUR_MS = 3_600_000;
/** What the API widens the range of a list to whole ones of, in milliseconds. */
const WIDENED_TO_MS = { users: HOUR_MS, models: 60_000 };

/** A range between two instants; what is asked for and what links to its spans lead to. */
export type CountedView = Pick<ViewSearch, "project"> & { from: string; to: string };

/** What a list counts at `now`: its range, widened as the API does, so that its links lead to the spans that were counted. */
export function countedView(search: DirectorySearch, list: keyof typeof WIDENED_TO_MS, now: Date): CountedView {
  const { from, to } = toViewQuery(search, now, DIRECTORY_RANGE);
  const end = to ? Date.parse(to) : now.getTime();
  const start = from ? Date.parse(from) : end - 24 * HOUR_MS;
  const size = start < end ? WIDENED_TO_MS[list] : 1;
  return {
    ...(search.project && { project: search.project }),
    from: new Date(Math.floor(start / size) * size).toISOString(),
    to: new Date(Math.ceil(end / size) * size).toISOString(),
  };
}

export function totalTokens(usage: Pick<Wire["Usage"], "input_tokens" | "output_tokens">): number {
  return usage.input_tokens + usage.output_tokens;
}
