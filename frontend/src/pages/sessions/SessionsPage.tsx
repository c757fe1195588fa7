import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Button } from "react-aria-components";
import type { Wire } from "../../api/client";
import { sessionsQuery } from "../../app/queries";
import { FilterBar, isFilterError } from "../../filter/FilterBar";
import { ViewsMenu } from "../../list/ViewsMenu";
import { REQUESTS } from "../../model/analytics";
import { inProject, isFiltered } from "../../model/filters";
import { condition } from "../../model/filterText";
import { formatCount, formatDuration } from "../../model/format";
import { dollars } from "../../model/trace";
import { Cost } from "../../ui/Cost";
import { type DataColumn, DataTable } from "../../ui/DataTable";
import { Failure } from "../../ui/Failure";
import { Page } from "../../ui/Page";
import { SpansLink } from "../../ui/SpansLink";
import { Time } from "../../ui/Time";
import styles from "./sessions.module.css";

/** Conversations, the one that went on last first. */
export function SessionsPage() {
  const search = useSearch({ from: "/session/sessions" });
  const navigate = useNavigate({ from: "/sessions" });
  const query = useInfiniteQuery(sessionsQuery(search));
  const rows = query.data?.pages.flatMap((page) => page.rows) ?? [];
  const project = inProject(search.project);
  const columns: DataColumn<Wire["SessionSummary"]>[] = [
    {
      header: "Session",
      cell: ({ totals }) => (
        <Link to="/sessions/$sessionId" params={{ sessionId: totals.session_id }} search={project}>
          {totals.session_id}
        </Link>
      ),
    },
    { header: "Last", cell: ({ totals }) => <Time iso={totals.last_time} /> },
    {
      header: "Newest input",
      cell: ({ newest_trace }) => <span className={styles.preview}>{newest_trace.input_preview}</span>,
    },
    {
      header: "Traces",
      number: true,
      cell: ({ totals }) => (
        <Link to="/traces" search={{ ...project, filter: condition("session", totals.session_id) }}>
          {formatCount(totals.trace_count)}
        </Link>
      ),
    },
    {
      header: "Errors",
      number: true,
      cell: ({ totals }) => (
        <SpansLink view={project} filters={[condition("session", totals.session_id), "status:error"]}>
          {formatCount(totals.error_count)}
        </SpansLink>
      ),
    },
    {
      header: "Tokens",
      number: true,
      cell: ({ totals }) => (
        <SpansLink view={project} filters={[condition("session", totals.session_id), "tokens:>0"]}>
          {formatCount(totals.input_tokens + totals.output_tokens)}
        </SpansLink>
      ),
    },
    {
      header: "Cost",
      number: true,
      cell: ({ totals }) => (
        <SpansLink view={project} filters={[condition("session", totals.session_id), REQUESTS]}>
          <Cost usd={dollars(totals.cost)} unpriced={totals.unpriced_count} />
        </SpansLink>
      ),
    },
    { header: "Lasted", number: true, cell: ({ totals }) => formatDuration(totals.duration_ns) },
    { header: "User", cell: ({ totals }) => totals.user_ids.join(", ") },
    { header: "Models", cell: ({ totals }) => totals.models.join(", ") },
  ];
  return (
    <Page
      title="Sessions"
      scrolls
      bar={
        <FilterBar search={search} error={query.error} onChange={(next) => navigate({ search: next })}>
          <ViewsMenu page="/sessions" search={search} />
        </FilterBar>
      }
    >
      {query.error && !isFilterError(query.error) && <Failure error={query.error} onRetry={() => query.refetch()} />}
      {!query.error && (
        <DataTable
          label="Sessions, the last first"
          columns={columns}
          rows={rows}
          getId={({ totals }) => totals.session_id}
          empty={query.isPending ? "Loading sessions…" : nothing(isFiltered(search))}
        />
      )}
      {query.hasNextPage && (
        <Button className={styles.more} isDisabled={query.isFetching} onPress={() => query.fetchNextPage()}>
          Show more
        </Button>
      )}
    </Page>
  );
}

function nothing(filtered: boolean): string {
  if (filtered) return "No sessions match these filters.";
  return "No session yet. Send the header X-Trace-Session-Id, or the span attribute session.id, with each call of one.";
}
