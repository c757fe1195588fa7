import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { watchTraces } from "../api/stream";
import { projectDetailsQuery } from "../app/queries";
import { toViewQuery, type ViewSearch } from "../model/filters";

/** The least time between two changes that are told, however many there are. */
const PAUSE_MS = 1000;

export interface Tail {
  /** Grows when traces that the view shows came or changed. */
  version: number;
  connected: boolean;
}

/** Follows a view's traces over the API's live stream; `enabled` only where the API takes the view's filter. */
export function useTail({ project, filter }: ViewSearch, enabled: boolean): Tail {
  const client = useQueryClient();
  const [version, setVersion] = useState(0);
  const [connected, setConnected] = useState(true);
  useEffect(() => {
    if (!enabled) return;
    const told = throttled(() => setVersion((before) => before + 1), PAUSE_MS);
    const stop = watchTraces(toViewQuery({ project, filter } as ViewSearch, new Date()), {
      onChange: told.run,
      onConnection: (now) => {
        setConnected(now);
        // Finds out whether the API is away or the session has ended; the page says so then.
        if (!now) client.invalidateQueries({ queryKey: projectDetailsQuery.queryKey });
      },
    });
    return () => {
      stop();
      told.cancel();
    };
  }, [client, project, filter, enabled]);
  return { version, connected };
}

/** Runs at once, then at most once in `pause`, the last call included. */
export function throttled(action: () => void, pause: number) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let again = false;
  const run = () => {
    again = timer !== undefined;
    if (again) return;
    action();
    timer = setTimeout(() => {
      timer = undefined;
      if (again) run();
    }, pause);
  };
  return { run, cancel: () => clearTimeout(timer) };
}

/** How many of the newest rows, a first page with more after it or not, are not on show; `more` if there are others. */
export function countNew(shown: readonly string[], newest: readonly string[]): { count: number; more: boolean } {
  const known = new Set(shown);
  const count = newest.filter((id) => !known.has(id)).length;
  return { count, more: count > 0 && count === newest.length && shown.length > 0 };
}
