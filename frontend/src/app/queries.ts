import {
  infiniteQueryOptions,
  keepPreviousData,
  QueryCache,
  QueryClient,
  queryOptions,
  useQueryClient,
} from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import * as api from "../api/client";
import { ApiError, Unreachable } from "../api/errors";
import { toViewQuery, type ViewSearch } from "../model/filters";
import { toSpanDetail, toTraceDetail } from "../model/span";
import { toTracePage } from "../model/trace";

const PAGE_SIZE = 100;
const LIVE_MS = 1000;
/** A trace that ended this recently may still grow. */
const SETTLED_MS = 120_000;

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: ({ signal }) => api.session(signal),
  staleTime: Number.POSITIVE_INFINITY,
});

export const projectsQuery = queryOptions({
  queryKey: ["projects"],
  queryFn: async ({ signal }) => (await api.projects(signal)).projects,
  refetchInterval: 15_000,
});

/** Traces, newest first; while `live`, the first page is asked for again every second. */
export function tracesQuery({ project, filter, range, from, to }: ViewSearch, live: boolean) {
  const search: ViewSearch = { project, filter, range, from, to };
  return infiniteQueryOptions({
    queryKey: ["traces", search],
    queryFn: async ({ pageParam, signal }) => {
      const query = { ...toViewQuery(search, new Date()), limit: PAGE_SIZE };
      return toTracePage(await api.traces(pageParam === null ? query : { ...query, cursor: pageParam }, signal));
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.nextCursor,
    refetchInterval: (query) => live && !isRefused(query.state.error) && LIVE_MS,
    refetchOnWindowFocus: live,
    placeholderData: keepPreviousData,
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
  return queryOptions({
    queryKey: ["facets", { project, filter, range, from, to }],
    queryFn: ({ signal }) => api.facets(toViewQuery(search, new Date(), "30d"), signal),
    refetchInterval: (query) => !isRefused(query.state.error) && 15_000,
    placeholderData: keepPreviousData,
  });
}

/** Values of one field that begin with `prefix`, for completion. */
export function fieldValuesQuery({ filter: _, ...range }: ViewSearch, field: string, prefix: string) {
  const { project, range: named, from, to } = range;
  return queryOptions({
    queryKey: ["field-values", { project, range: named, from, to, field, prefix }],
    queryFn: async ({ signal }) =>
      (await api.fieldValues({ ...toViewQuery(range, new Date(), "30d"), field, prefix }, signal)).values,
    staleTime: 15_000,
  });
}

export function traceQuery(project: string, traceId: string) {
  return queryOptions({
    queryKey: ["trace", project, traceId],
    queryFn: async ({ signal }) => toTraceDetail(await api.trace(project, traceId, signal)),
    refetchInterval: ({ state }) => {
      if (!state.data) return false;
      const { startTime, durationNs } = state.data.trace;
      return Date.now() - (Date.parse(startTime) + durationNs / 1e6) < SETTLED_MS && 2 * LIVE_MS;
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
