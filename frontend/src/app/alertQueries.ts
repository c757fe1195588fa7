import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import * as api from "../api/client";

/** Rules and budgets are evaluated once a minute; what follows is shown soon after. */
const REFRESH_MS = 10_000;

/** The key that all of them begin with, for when one of them changes. */
export const ALERTS = ["alerts"] as const;

export function rulesQuery(project: string) {
  return queryOptions({
    queryKey: [...ALERTS, "rules", project],
    queryFn: ({ signal }) => api.rules(project, signal),
    refetchInterval: REFRESH_MS,
  });
}

export function budgetsQuery(project: string) {
  return queryOptions({
    queryKey: [...ALERTS, "budgets", project],
    queryFn: ({ signal }) => api.budgets(project, signal),
    refetchInterval: REFRESH_MS,
  });
}

/** What rules and budgets have told, newest first. */
export function historyQuery(project: string) {
  return infiniteQueryOptions({
    queryKey: [...ALERTS, "history", project],
    queryFn: ({ pageParam, signal }) => api.alertHistory(project, pageParam, signal),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => page.next_before,
    refetchInterval: REFRESH_MS,
  });
}

export const channelsQuery = queryOptions({
  queryKey: [...ALERTS, "channels"],
  queryFn: ({ signal }) => api.channels(signal),
});
