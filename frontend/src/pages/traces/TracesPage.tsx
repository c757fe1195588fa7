import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import { NARROW, useMedia } from "../../app/hooks";
import { projectsQuery, tracesQuery } from "../../app/queries";
import { FacetPanel } from "../../filter/FacetPanel";
import { FacetsToggle, FilterBar, isFilterError } from "../../filter/FilterBar";
import { DEFAULT_PROJECT, inProject, isFiltered, type ListSearch } from "../../model/filters";
import { Failure } from "../../ui/Failure";
import { FirstRun } from "./FirstRun";
import { LiveButton } from "./LiveButton";
import { NoMatches } from "./NoMatches";
import styles from "./TracesPage.module.css";
import { TraceTable } from "./TraceTable";

export function TracesPage() {
  const search = useSearch({ from: "/session/traces" });
  const navigate = useNavigate({ from: "/traces" });
  const client = useQueryClient();
  const scroller = useRef<HTMLDivElement>(null);
  const [follow, setFollow] = useState(true);
  const [atTop, setAtTop] = useState(true);
  const [pageCount, setPageCount] = useState(1);
  const live = follow && atTop && pageCount === 1 && !search.to;

  const query = useInfiniteQuery(tracesQuery(search, live));
  const loadedPages = query.data?.pages.length ?? 1;
  if (loadedPages !== pageCount) setPageCount(loadedPages);
  const traces = useMemo(() => query.data?.pages.flatMap((page) => page.traces) ?? [], [query.data]);

  const shown = useRef(search);
  useEffect(() => {
    if (shown.current === search) return;
    shown.current = search;
    scroller.current?.scrollTo({ top: 0 });
  }, [search]);

  const projects = useQuery(projectsQuery);
  const project = search.project ?? DEFAULT_PROJECT;
  const setSearch = (next: ListSearch) => navigate({ search: next });

  const goLive = () => {
    scroller.current?.scrollTo({ top: 0 });
    client.setQueryData(tracesQuery(search, true).queryKey, (data) =>
      data ? { pages: data.pages.slice(0, 1), pageParams: data.pageParams.slice(0, 1) } : data,
    );
    setAtTop(true);
    setFollow(true);
  };

  const narrow = useMedia(NARROW);
  const facets = search.facets ? search.facets === "1" : !narrow;
  const empty = query.isSuccess && !query.isPlaceholderData && traces.length === 0;
  return (
    <div className={styles.page}>
      <title>Traces · LLMFlow</title>
      <div className={styles.head}>
        <h1>Traces</h1>
        <LiveButton live={live} onChange={(on) => (on ? goLive() : setFollow(false))} disabled={Boolean(search.to)} />
      </div>
      <FilterBar search={search} error={query.error} onChange={setSearch}>
        <FacetsToggle shown={facets} onChange={(shown) => setSearch({ ...search, facets: shown })} />
      </FilterBar>
      <div className={styles.columns}>
        {facets && <FacetPanel search={search} onFilter={(filter) => setSearch({ ...search, filter })} />}
        <div className={styles.list}>
          {query.error && !isFilterError(query.error) && (
            <Failure error={query.error} onRetry={() => query.refetch()} />
          )}
          {empty && isFiltered(search) && <NoMatches onClear={() => setSearch(inProject(project))} />}
          {empty && !isFiltered(search) && <FirstRun project={project} projects={projects.data ?? []} />}
          {traces.length > 0 && (
            <TraceTable
              traces={traces}
              scroller={scroller}
              stale={query.isPlaceholderData}
              hasMore={query.hasNextPage}
              onMore={() => !query.isFetching && query.fetchNextPage()}
              onScrolledFromTop={(scrolled) => setAtTop(!scrolled)}
            />
          )}
          {query.isPending && !query.error && <p className={styles.loading}>Loading traces…</p>}
        </div>
      </div>
    </div>
  );
}
