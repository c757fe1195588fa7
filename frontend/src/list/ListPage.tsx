import {
  type DefaultError,
  type InfiniteData,
  type QueryKey,
  useInfiniteQuery,
  useQueryClient,
} from "@tanstack/react-query";
import type { RowData } from "@tanstack/react-table";
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { NARROW, useMedia } from "../app/hooks";
import type { PagesOptions } from "../app/queries";
import { FacetPanel } from "../filter/FacetPanel";
import { FacetsToggle, FilterBar, isFilterError } from "../filter/FilterBar";
import { inProject, isFiltered, type ListSearch } from "../model/filters";
import type { Page as RowPage } from "../model/page";
import { Failure } from "../ui/Failure";
import { Loading, Page } from "../ui/Page";
import styles from "./ListPage.module.css";
import { LiveButton } from "./LiveButton";
import { NoMatches } from "./NoMatches";
import { type Columns, VirtualTable } from "./VirtualTable";

interface Props<T extends RowData> {
  title: string;
  /** What the rows are, for a sentence: "traces". */
  noun: string;
  search: ListSearch;
  onSearch: (search: ListSearch) => void;
  list: (search: ListSearch, live: boolean) => PagesOptions<T>;
  columns: Columns<T>;
  getId: (row: T) => string;
  /** What a project without rows shows. */
  firstRun: ReactNode;
}

/** A list, newest first, that goes on by itself while one looks at its top: filters, facets and a table. */
export function ListPage<T extends RowData>({
  title,
  noun,
  search,
  onSearch,
  list,
  columns,
  getId,
  firstRun,
}: Props<T>) {
  const client = useQueryClient();
  const scroller = useRef<HTMLDivElement>(null);
  const [follow, setFollow] = useState(true);
  const [atTop, setAtTop] = useState(true);
  const [pageCount, setPageCount] = useState(1);
  const live = follow && atTop && pageCount === 1 && !search.to;

  const query = useInfiniteQuery<RowPage<T>, DefaultError, InfiniteData<RowPage<T>>, QueryKey, string | null>(
    list(search, live),
  );
  const loadedPages = query.data?.pages.length ?? 1;
  if (loadedPages !== pageCount) setPageCount(loadedPages);
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.rows) ?? [], [query.data]);

  const shown = useRef(search);
  useEffect(() => {
    if (shown.current === search) return;
    shown.current = search;
    scroller.current?.scrollTo({ top: 0 });
  }, [search]);

  const goLive = () => {
    scroller.current?.scrollTo({ top: 0 });
    client.setQueryData<InfiniteData<RowPage<T>>>(list(search, true).queryKey, (data) =>
      data ? { pages: data.pages.slice(0, 1), pageParams: data.pageParams.slice(0, 1) } : data,
    );
    setAtTop(true);
    setFollow(true);
  };

  const narrow = useMedia(NARROW);
  const facets = search.facets ? search.facets === "1" : !narrow;
  const setFilter = (filter: string) => {
    const { filter: _, ...rest } = search;
    onSearch(filter === "" ? rest : { ...rest, filter });
  };
  const empty = query.isSuccess && !query.isPlaceholderData && rows.length === 0;
  return (
    <Page
      title={title}
      beside={
        <LiveButton live={live} onChange={(on) => (on ? goLive() : setFollow(false))} disabled={Boolean(search.to)} />
      }
      bar={
        <FilterBar search={search} error={query.error} onChange={onSearch}>
          <FacetsToggle
            shown={facets}
            onChange={(choice) => onSearch({ ...search, ...(choice && { facets: choice }) })}
          />
        </FilterBar>
      }
    >
      <div className={styles.columns}>
        {facets && !(empty && !isFiltered(search)) && <FacetPanel search={search} onFilter={setFilter} />}
        <div className={styles.list}>
          {query.error && !isFilterError(query.error) && (
            <Failure error={query.error} onRetry={() => query.refetch()} />
          )}
          {empty && isFiltered(search) && <NoMatches noun={noun} onClear={() => onSearch(inProject(search.project))} />}
          {empty && !isFiltered(search) && firstRun}
          {rows.length > 0 && (
            <VirtualTable
              label={title}
              columns={columns}
              rows={rows}
              getId={getId}
              scroller={scroller}
              stale={query.isPlaceholderData}
              hasMore={query.hasNextPage}
              onMore={() => !query.isFetching && query.fetchNextPage()}
              onScrolledFromTop={(scrolled) => setAtTop(!scrolled)}
            />
          )}
          {query.isPending && !query.error && <Loading what={noun} />}
        </div>
      </div>
    </Page>
  );
}
