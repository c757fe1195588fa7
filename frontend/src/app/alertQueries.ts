import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import * as api from "../api/client";
import type { GivenScores } from "../model/alerts";
import { type RangeName, toViewQuery } from "../model/filters";

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

const SCORES = { limit: 200, pages: 5 };

/** The scores of a name in a range that ends now. Of very many the newest, and the range begins with those. */
export function scoresQuery(project: string, name: string, range: RangeName) {
  return queryOptions({
    queryKey: ["scores", project, name, range],
    queryFn: async ({ signal }): Promise<GivenScores> => {
      const { from, to } = { to: new Date().toISOString(), ...toViewQuery({ range }, new Date()) };
      const scores: api.Wire["Score"][] = [];
      let cursor: string | null = null;
      for (let page = 0; page < SCORES.pages; page++) {
        const query = { project, name, limit: SCORES.limit, ...(from && { from }), to, ...(cursor && { cursor }) };
        const found = await api.scores(query, signal);
        scores.push(...found.scores);
        cursor = found.next_cursor;
        if (cursor === null) break;
      }
      return { scores, from: (cursor && scores.at(-1)?.time) || (from ?? to), to };
    },
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
