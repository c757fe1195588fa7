import { hashKey, type QueryKey } from "@tanstack/react-query";

/**
 * Placeholder data for a question about a view: the answer before, of another time, filter or order, stays on show until
 * the next is there. Not that of another project or of anything else asked, which would pass for what it is not: `key` is
 * a name, the view, and what is asked of it.
 */
export function keepBefore(key: QueryKey) {
  return <T>(data: T | undefined, before: { queryKey: QueryKey } | undefined): T | undefined =>
    before && hashKey(askedIn(before.queryKey)) === hashKey(askedIn(key)) ? data : undefined;
}

function askedIn([name, view, ...asked]: QueryKey): QueryKey {
  return [name, (view as { project?: string }).project ?? null, asked];
}
