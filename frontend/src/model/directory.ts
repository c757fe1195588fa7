import type { Wire } from "../api/client";
import { parseViewSearch, type RangeName, type ViewSearch, withChanges } from "./filters";
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

/** The view of a list, as the links to its spans need it: with its range. */
export function directoryView({ project, range, from, to }: DirectorySearch): ViewSearch {
  const named = range ?? (from || to ? undefined : DIRECTORY_RANGE);
  return { ...(project && { project }), ...(named && { range: named }), ...(from && { from }), ...(to && { to }) };
}

export function totalTokens(usage: Pick<Wire["Usage"], "input_tokens" | "output_tokens">): number {
  return usage.input_tokens + usage.output_tokens;
}
