import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import * as api from "../api/client";
import type { ToolsSearch } from "../model/codingTools";
import { TOOLS_RANGE } from "../model/codingTools";
import { type RangeName, toViewQuery, type ViewSearch } from "../model/filters";
import { LOG_CONDITIONS, LOG_RANGE, type LogSearch } from "../model/logs";
import { type MetricQuestion, stepOf } from "../model/metrics";
import { keepBefore } from "./keepBefore";

const PAGE_SIZE = 100;
const SESSIONS = 20;
/** Metrics come once a minute at the most. */
const REFRESH_MS = 60_000;

/** Log records, newest first, in pages. */
export function logsQuery({ log: _, ...search }: LogSearch) {
  const queryKey = ["logs", search];
  return infiniteQueryOptions({
    queryKey,
    queryFn: async ({ pageParam, signal }) => {
      const { severity, tool } = search;
      const conditions = Object.fromEntries(
        LOG_CONDITIONS.flatMap((name) => (search[name] ? [[name, search[name]]] : [])),
      );
      const { filter: _, ...view } = toViewQuery(search, new Date(), LOG_RANGE);
      const query = { ...view, ...conditions, ...(severity && { severity }), ...(tool && { tool }), limit: PAGE_SIZE };
      return api.logs(pageParam === null ? query : { ...query, cursor: pageParam }, signal);
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepBefore(queryKey),
  });
}

export function codingToolsQuery({ tool: _, ...search }: ToolsSearch) {
  const queryKey = ["coding-tools", search];
  return queryOptions({
    queryKey,
    queryFn: async ({ signal }) => (await api.codingTools(toViewQuery(search, new Date(), TOOLS_RANGE), signal)).tools,
    placeholderData: keepBefore(queryKey),
  });
}

/** The sessions of AI command-line tools, the one used last first. */
export function codingSessionsQuery({ tool, ...search }: ToolsSearch) {
  const queryKey = ["coding-sessions", search, tool];
  return infiniteQueryOptions({
    queryKey,
    queryFn: ({ pageParam, signal }) => {
      const query = { ...toViewQuery(search, new Date(), TOOLS_RANGE), ...(tool && { tool }), limit: SESSIONS };
      return api.codingSessions(pageParam === null ? query : { ...query, cursor: pageParam }, signal);
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepBefore(queryKey),
  });
}

/** The metrics that had points in the range or after it. */
export function metricsQuery(search: ViewSearch, otherwise: RangeName) {
  const { project, range, from } = search;
  const queryKey = ["metric-names", { project, range, from }, otherwise];
  return queryOptions({
    queryKey,
    queryFn: async ({ signal }) => {
      const view = toViewQuery(search, new Date(), otherwise);
      return (await api.metrics({ project: view.project, ...(view.from && { from: view.from }) }, signal)).metrics;
    },
    placeholderData: keepBefore(queryKey),
  });
}

/** A metric over the range, with the range that it was asked for. */
export function metricQuery(search: ViewSearch, otherwise: RangeName, asked: MetricQuestion & { name: string }) {
  const { project, range, from, to } = search;
  const queryKey = ["metric", { project, range, from, to }, asked];
  return queryOptions({
    queryKey,
    queryFn: async ({ signal }) => {
      const view = toViewQuery(search, new Date(), otherwise);
      const bounds = { from: view.from ?? new Date(0).toISOString(), to: view.to ?? new Date().toISOString() };
      const { by, ...metric } = asked;
      const query = {
        project: view.project,
        ...bounds,
        ...metric,
        ...(by && { by }),
        interval: stepOf(bounds.from, bounds.to),
      };
      return { ...bounds, result: await api.metric(query, signal) };
    },
    refetchInterval: REFRESH_MS,
    placeholderData: keepBefore(queryKey),
  });
}
