import {
  type DefaultError,
  type InfiniteData,
  type QueryKey,
  useInfiniteQuery,
  useIsFetching,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { newestKey, newestQuery, type PagesOptions } from "../app/queries";
import { isNewestFirst, type ListSearch } from "../model/filters";
import { type Page, rowsOf } from "../model/page";
import { countNew, useTail } from "./useTail";

interface Options<T> {
  options: PagesOptions<T>;
  search: ListSearch;
  getId: (row: T) => string;
  /** Whether new rows may show by themselves at all. */
  follow: boolean;
  /** Whether they have to wait for the moment. */
  hold: boolean;
}

/**
 * A list that follows what arrives, unless it is in another order than newest first. It shows new rows while it may
 * `follow`, nothing makes it `hold` and its range has no end; otherwise it counts them. The list itself always is what the API answers: the stream only says when to ask.
 */
export function useLiveList<T>({ options, search, getId, follow, hold }: Options<T>) {
  const client = useQueryClient();
  const query = useInfiniteQuery<Page<T>, DefaultError, InfiniteData<Page<T>>, QueryKey, string | null>(options);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a row's id is the same, whoever tells it
  const rows = useMemo(() => rowsOf(query.data?.pages ?? [], getId), [query.data]);
  const growing = !search.to && isNewestFirst(search);
  const { version, connected } = useTail(search, growing && query.data !== undefined && !query.isPlaceholderData);

  const stopped = !follow || !growing || (query.data?.pages.length ?? 1) > 1;
  const moving = !stopped && !hold;
  const shown = useRef(version);
  // What is asked is answered before it is asked anew: of changes that come faster than answers, none would show else.
  const { isFetching } = query;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the options
  useEffect(() => {
    if (!moving || isFetching || shown.current === version) return;
    shown.current = version;
    client.invalidateQueries({ queryKey: options.queryKey, exact: true });
  }, [client, moving, isFetching, version, JSON.stringify(options.queryKey)]);

  const behind = !moving && shown.current !== version;
  const counting = useIsFetching({ queryKey: newestKey(options.queryKey) }) > 0;
  const [counted, setCounted] = useState(version);
  if (counted !== version && !counting) setCounted(version);
  const newest = useQuery({ ...newestQuery(options, counted), enabled: behind });
  const waiting = useMemo(
    () => (behind && newest.data ? countNew(rows.map(getId), newest.data.rows.map(getId)) : { count: 0, more: false }),
    [behind, newest.data, rows, getId],
  );

  /** Begins the list anew, with what waits. */
  const showNewest = () => {
    shown.current = version;
    client.setQueryData<InfiniteData<Page<T>>>(options.queryKey, (data) =>
      data ? { pages: data.pages.slice(0, 1), pageParams: data.pageParams.slice(0, 1) } : data,
    );
    client.invalidateQueries({ queryKey: options.queryKey, exact: true });
  };
  return { query, rows, stopped, waiting, connected, showNewest };
}
