import type { RowData } from "@tanstack/react-table";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { NARROW, useMedia, useShortcuts } from "../app/hooks";
import type { PagesOptions } from "../app/queries";
import { FacetPanel } from "../filter/FacetPanel";
import { FacetsToggle, FilterBar, isFilterError } from "../filter/FilterBar";
import {
  inOrder,
  inProject,
  isBackward,
  isFiltered,
  isNewestFirst,
  LIST_ORDERS,
  type ListSearch,
} from "../model/filters";
import { formatCount } from "../model/format";
import { Failure } from "../ui/Failure";
import hidden from "../ui/hidden.module.css";
import { Loading, Page } from "../ui/Page";
import { optionsOf, Select } from "../ui/Select";
import { DownloadMenu } from "./DownloadMenu";
import styles from "./ListPage.module.css";
import { LiveButton } from "./LiveButton";
import { NoMatches } from "./NoMatches";
import { useLiveList } from "./useLiveList";
import { ViewsMenu } from "./ViewsMenu";
import { type Columns, VirtualTable } from "./VirtualTable";

interface Props<T extends RowData> {
  title: string;
  /** What the rows are, for a sentence: "traces". */
  noun: "traces" | "spans";
  search: ListSearch;
  onSearch: (search: ListSearch) => void;
  list: (search: ListSearch) => PagesOptions<T>;
  columns: Columns<T>;
  getId: (row: T) => string;
  /** What a project without rows shows. */
  firstRun: ReactNode;
}

/** A list that goes on by itself, newest first, while nobody reads in it: filters, facets and a table. */
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
  const scroller = useRef<HTMLDivElement>(null);
  const [follow, setFollow] = useState(true);
  const [atTop, setAtTop] = useState(true);
  const [reading, setReading] = useState(false);
  const { query, rows, stopped, waiting, connected, showNewest } = useLiveList({
    options: list(search),
    search,
    getId,
    follow: follow && atTop,
    hold: reading,
  });

  const shown = useRef(search);
  useEffect(() => {
    if (shown.current === search) return;
    shown.current = search;
    scroller.current?.scrollTo({ top: 0 });
  }, [search]);

  const goLive = () => {
    scroller.current?.scrollTo({ top: 0 });
    setAtTop(true);
    setReading(false);
    setFollow(true);
    showNewest();
  };

  useShortcuts({ p: () => (stopped ? goLive() : setFollow(false)) });

  const narrow = useMedia(NARROW);
  const newestFirst = isNewestFirst(search);
  const facets = search.facets ? search.facets === "1" : !narrow;
  const setFilter = (filter: string) => {
    const { filter: _, ...rest } = search;
    onSearch(filter === "" ? rest : { ...rest, filter });
  };
  const settled = query.isSuccess && !query.isPlaceholderData;
  const empty = settled && rows.length === 0;
  const [told, setTold] = useState("");
  // Of a list that follows what comes in, only what was asked for is told, not each row that comes.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the search says when there is something else to tell
  useEffect(() => {
    setTold(settled ? `${formatCount(rows.length)}${query.hasNextPage ? " or more" : ""} ${noun}` : "");
  }, [settled, search]);
  return (
    <Page
      title={title}
      beside={
        <LiveButton
          noun={noun}
          live={!stopped}
          connected={connected}
          waiting={waiting}
          never={newestFirst ? search.to && "Paused" : "Live by time only"}
          onChange={(on) => (on ? goLive() : setFollow(false))}
        />
      }
      bar={
        <FilterBar
          search={search}
          error={query.error}
          onChange={onSearch}
          besideTime={
            narrow && (
              <Select
                label="Order"
                value={search.order ?? "time"}
                options={optionsOf(LIST_ORDERS)}
                onChange={(order) => onSearch(inOrder(search, order))}
              />
            )
          }
        >
          <FacetsToggle
            shown={facets}
            onChange={(choice) => onSearch({ ...search, ...(choice && { facets: choice }) })}
          />
          <ViewsMenu page={`/${noun}`} search={search} />
          <DownloadMenu what={noun} search={search} />
        </FilterBar>
      }
    >
      <div className={styles.columns}>
        {facets && !(empty && !isFiltered(search)) && <FacetPanel search={search} onFilter={setFilter} />}
        <div className={styles.list} aria-busy={!settled}>
          <p role="status" className={hidden.hidden}>
            {told}
          </p>
          {query.error && !isFilterError(query.error) && (
            <Failure error={query.error} onRetry={() => query.refetch()} />
          )}
          {empty && isFiltered(search) && (
            <NoMatches
              noun={noun}
              isBackward={isBackward(search)}
              onClear={() => onSearch(inProject(search.project))}
            />
          )}
          {empty && !isFiltered(search) && firstRun}
          {rows.length > 0 && (
            <VirtualTable
              label={title}
              columns={columns}
              order={search.order ?? "time"}
              ascending={search.direction === "asc"}
              onOrder={(order) => onSearch(inOrder(search, order))}
              rows={rows}
              getId={getId}
              scroller={scroller}
              stale={query.isPlaceholderData}
              hasMore={query.hasNextPage}
              onMore={() => !query.isFetching && query.fetchNextPage()}
              onScrolledFromTop={(scrolled) => setAtTop(!scrolled)}
              onReading={setReading}
            />
          )}
          {query.isPending && !query.error && <Loading what={noun} />}
        </div>
      </div>
    </Page>
  );
}
