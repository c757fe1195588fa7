import {
  hashKey,
  infiniteQueryOptions,
  MutationCache,
  QueryCache,
  QueryClient,
  type QueryFunction,
  type QueryKey,
  queryOptions,
  useQueryClient,
} from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import type { Wire } from "../api/client";
import * as api from "../api/client";
import { ApiError, Unreachable } from "../api/errors";
import { type CountedView, countedView, type DirectorySearch, type ModelSearch, SHOWN } from "../model/directory";
import { DEFAULT_PROJECT, type ListSearch, type RangeName, toViewQuery, type ViewSearch } from "../model/filters";
import { allOf } from "../model/filterText";
import type { Page } from "../model/page";
import { toSpanDetail, toSpanPage, toTraceDetail } from "../model/span";
import { toTracePage } from "../model/trace";
import { keepBefore } from "./keepBefore";

const PAGE_SIZE = 100;
const LIVE_MS = 2000;
/** A trace that ended this recently may still grow. */
const SETTLED_MS = 120_000;

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: ({ signal }) => api.session(signal),
  staleTime: Number.POSITIVE_INFINITY,
});

/** The projects that were created or hold spans, with what is known of them. */
export const projectDetailsQuery = queryOptions({
  queryKey: ["projects"],
  queryFn: async ({ signal }) => (await api.projects(signal)).details,
  refetchInterval: 15_000,
});

/** Where applications send to. */
export const addressesQuery = queryOptions({
  queryKey: ["addresses"],
  queryFn: ({ signal }) => api.addresses(signal),
  staleTime: Number.POSITIVE_INFINITY,
});

/** The newest trace of a project, null while there is none. */
export function newestTraceQuery(project: string) {
  return queryOptions({
    queryKey: ["newest-trace", project],
    queryFn: async ({ signal }) => toTracePage(await api.traces({ project, limit: 1 }, signal)).rows[0] ?? null,
  });
}

/** A list in pages, in the order that the URL names. */
function pagesQuery<T>(
  name: string,
  { project, filter, range, from, to, order, direction }: ListSearch,
  fetchPage: (query: api.PageQuery, signal: AbortSignal) => Promise<Page<T>>,
) {
  const search = { project, filter, range, from, to, order, direction } as ListSearch;
  const queryKey: QueryKey = [name, search];
  return infiniteQueryOptions({
    queryKey,
    queryFn: ({ pageParam, signal }) => {
      const query = {
        ...toViewQuery(search, new Date()),
        limit: PAGE_SIZE,
        ...(order && { order }),
        ...(direction && { direction }),
      };
      return fetchPage(pageParam === null ? query : { ...query, cursor: pageParam }, signal);
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page: Page<T>) => page.nextCursor,
    refetchOnWindowFocus: false,
    placeholderData: keepBefore(queryKey),
  });
}

export type PagesOptions<T> = ReturnType<typeof pagesQuery<T>>;

/** The first page of a list as it is now, for one that stands still. */
export function newestQuery<T>({ queryKey, queryFn }: PagesOptions<T>, version: number) {
  return queryOptions({
    queryKey: [...newestKey(queryKey), version],
    queryFn: (context) =>
      (queryFn as QueryFunction<Page<T>, QueryKey, string | null>)({ ...context, pageParam: null } as never),
    gcTime: 0,
    placeholderData: (data, before) =>
      before && hashKey(before.queryKey.slice(0, -1)) === hashKey(newestKey(queryKey)) ? data : undefined,
  });
}

/** What the keys of a list's newest page begin with. */
export function newestKey(listKey: QueryKey): QueryKey {
  return ["newest", listKey];
}

export function tracesQuery(search: ListSearch) {
  return pagesQuery("traces", search, async (query, signal) => toTracePage(await api.traces(query, signal)));
}

export function spansQuery(search: ListSearch) {
  return pagesQuery("spans", search, async (query, signal) =>
    toSpanPage(await api.spans(query, signal), query.project),
  );
}

export function sessionsQuery(search: ViewSearch) {
  return pagesQuery("sessions", search, async (query, signal) => {
    const page = await api.sessions(query, signal);
    return { rows: page.sessions, nextCursor: page.next_cursor };
  });
}

/** One session and its traces. */
export function sessionQueryOf(project = DEFAULT_PROJECT, sessionId: string) {
  return infiniteQueryOptions({
    queryKey: ["session-detail", project, sessionId],
    queryFn: ({ pageParam, signal }) => {
      const query = { project, limit: PAGE_SIZE };
      return api.sessionDetail(sessionId, pageParam === null ? query : { ...query, cursor: pageParam }, signal);
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });
}

/** Users, and the view whose spans they are counted from. */
export function usersQuery(search: DirectorySearch) {
  const queryKey = ["users", search];
  return queryOptions({
    queryKey,
    queryFn: async ({ signal }) => {
      const view = countedView(search, "users", new Date());
      const query = { ...directoryQuery(search, view), ...(view.filter && { filter: view.filter }) };
      return { view, ...(await api.users(query, signal)) };
    },
    placeholderData: keepBefore(queryKey),
  });
}

/** Models, and the view whose spans they are counted from. */
export function modelsQuery({ find: _, ...search }: ModelSearch) {
  const queryKey = ["models", search];
  return queryOptions({
    queryKey,
    queryFn: async ({ signal }) => {
      const view = countedView(search, "models", new Date());
      const query = { ...directoryQuery(search, view), unpriced: search.unpriced === "1" };
      return { view, ...(await api.models(query, signal)) };
    },
    placeholderData: keepBefore(queryKey),
  });
}

function directoryQuery({ order, top }: DirectorySearch, { project, from, to }: CountedView): api.DirectoryQuery {
  return { project: project ?? DEFAULT_PROJECT, from, to, order: order ?? "cost", limit: Number(top ?? SHOWN) };
}

/** The prices of one's own. */
export const pricesQuery = queryOptions({
  queryKey: ["prices"],
  queryFn: async ({ signal }) => (await api.prices({}, signal)).prices,
});

export function keysQuery(project: string) {
  return queryOptions({
    queryKey: ["keys", project],
    queryFn: async ({ signal }) => (await api.keys(project, signal)).keys,
  });
}

/** Who changed what, newest first. */
export function auditQuery(project: string | undefined) {
  return infiniteQueryOptions({
    queryKey: ["audit", project],
    queryFn: ({ pageParam, signal }) => api.audit(project, pageParam, signal),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => page.next_before,
  });
}

/** How long a project's data is kept. */
export function retentionQuery(project: string) {
  return queryOptions({
    queryKey: ["retention", project],
    queryFn: ({ signal }) => api.retention(project, signal),
  });
}

/** What is measured of a view's spans, or of those of them that fulfil `filter` too. */
export interface Measure {
  metric: Wire["Metric"];
  aggregation?: Wire["Analytics"]["aggregation"];
  filter?: string;
  groupBy?: string;
  interval?: string;
  limit?: number;
}

export function analyticsQuery(search: ViewSearch, otherwise: RangeName, measure: Measure) {
  const { project, filter, range, from, to } = search;
  const queryKey = ["analytics", { project, filter, range, from, to }, measure];
  return queryOptions({
    queryKey,
    queryFn: ({ signal }) => {
      const { groupBy, filter: own, ...asked } = measure;
      const view = toViewQuery(search, new Date(), otherwise);
      const all = allOf(search.filter, own);
      return api.analytics(
        { ...view, ...asked, ...(groupBy && { group_by: groupBy }), ...(all && { filter: all }) },
        signal,
      );
    },
    refetchInterval: (query) => !isRefused(query.state.error) && 30_000,
    placeholderData: keepBefore(queryKey),
  });
}

export const filterFieldsQuery = queryOptions({
  queryKey: ["filter-fields"],
  queryFn: ({ signal }) => api.filterFields(signal),
  staleTime: Number.POSITIVE_INFINITY,
});

/** The values to filter by; of the last 30 days when the search has no range. */
export function facetsQuery(search: ViewSearch) {
  const { project, filter, range, from, to } = search;
  const queryKey = ["facets", { project, filter, range, from, to }];
  return queryOptions({
    queryKey,
    queryFn: ({ signal }) => api.facets(toViewQuery(search, new Date(), "30d"), signal),
    refetchInterval: (query) => !isRefused(query.state.error) && 15_000,
    placeholderData: keepBefore(queryKey),
  });
}

/** Values of one field that begin with `prefix`, for completion. */
export function fieldValuesQuery({ filter: _, ...range }: ViewSearch, field: string, prefix: string) {
  const { project, range: named, from, to } = range;
  const queryKey = ["field-values", { project, range: named, from, to, prefix }, field];
  return queryOptions({
    queryKey,
    queryFn: async ({ signal }) =>
      (await api.fieldValues({ ...toViewQuery(range, new Date(), "30d"), field, prefix }, signal)).values,
    staleTime: 15_000,
    placeholderData: keepBefore(queryKey),
  });
}

export function traceQuery(project: string, traceId: string) {
  return queryOptions({
    queryKey: ["trace", project, traceId],
    queryFn: async ({ signal }) => toTraceDetail(await api.trace(project, traceId, signal)),
    // What was asked for ahead is not asked for again by the page that then shows it.
    staleTime: LIVE_MS,
    refetchInterval: ({ state }) => {
      if (!state.data) return false;
      const { startTime, durationNs } = state.data.trace;
      return Date.now() - (Date.parse(startTime) + durationNs / 1e6) < SETTLED_MS && LIVE_MS;
    },
  });
}

export function spanQuery(project: string, traceId: string, spanId: string) {
  return queryOptions({
    queryKey: ["span", project, traceId, spanId],
    queryFn: async ({ signal }) => toSpanDetail(await api.span(project, traceId, spanId, signal)),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** Whether the same question would be refused again. */
function isRefused(error: Error | null): boolean {
  return error instanceof ApiError;
}

/** The client that keeps asking while the API is away, and forgets the session as soon as the API refuses it. */
export function createQueryClient(): QueryClient {
  const onError = (error: Error) => {
    if (error instanceof ApiError && error.status === 401) client.setQueryData(sessionQuery.queryKey, null);
  };
  const client = new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        networkMode: "always",
        retry: (_, error) => error instanceof Unreachable,
        retryDelay: (attempt) => Math.min(500 * 2 ** attempt, 3000),
      },
      mutations: { networkMode: "always" },
    },
  });
  return client;
}

/** Why the API cannot be reached at the moment; null while everything on show answers. */
export function useOutage(): string | null {
  const cache = useQueryClient().getQueryCache();
  return useSyncExternalStore(
    (changed) => cache.subscribe(changed),
    () => {
      const failing = cache
        .getAll()
        .find((query) => query.isActive() && query.state.fetchFailureReason instanceof Unreachable);
      return failing?.state.fetchFailureReason?.message ?? null;
    },
  );
}

/** The destinations, as they are doing now. */
export const destinationsQuery = queryOptions({
  queryKey: ["destinations"],
  queryFn: ({ signal }) => api.destinations(signal),
  refetchInterval: LIVE_MS,
});

export const destinationPresetsQuery = queryOptions({
  queryKey: ["destination-presets"],
  queryFn: ({ signal }) => api.destinationPresets(signal),
  staleTime: Number.POSITIVE_INFINITY,
});

/** The tests and replays of a destination, newest first. */
export function destinationJobsQuery(name: string) {
  return queryOptions({
    queryKey: ["destination-jobs", name],
    queryFn: ({ signal }) => api.destinationJobs(name, signal),
    refetchInterval: LIVE_MS,
  });
}
