import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Button } from "react-aria-components";
import type { Wire } from "../../api/client";
import { sessionsQuery } from "../../app/queries";
import { FilterBar, isFilterError } from "../../filter/FilterBar";
import { ViewsMenu } from "../../list/ViewsMenu";
import { inProject, isFiltered, type ViewSearch } from "../../model/filters";
import { condition } from "../../model/filterText";
import { formatCount, formatDuration } from "../../model/format";
import { rowsOf } from "../../model/page";
import { dollars } from "../../model/trace";
import { Cost } from "../../ui/Cost";
import controls from "../../ui/controls.module.css";
import { type DataColumn, DataTable } from "../../ui/DataTable";
import { Failure } from "../../ui/Failure";
import { Page } from "../../ui/Page";
import { narrowed, TracesLink, ValueLinks } from "../../ui/SpansLink";
import { Time } from "../../ui/Time";
import tables from "../../ui/table.module.css";
import styles from "./sessions.module.css";

/** Conversations, the one that went on last first. */
export function SessionsPage() {
  const search = useSearch({ from: "/session/sessions" });
  const navigate = useNavigate({ from: "/sessions" });
  const query = useInfiniteQuery(sessionsQuery(search));
  const rows = rowsOf(query.data?.pages ?? [], ({ totals }) => totals.session_id);
  const project = inProject(search.project);
  // The numbers are of all the session's traces in the range, whatever the filter.
  const viewOf = ({ totals }: Wire["SessionSummary"]): ViewSearch =>
    narrowed({ ...search, filter: condition("session", totals.session_id) }, []);
  const columns: DataColumn<Wire["SessionSummary"]>[] = [
    {
      header: "Session",
      cell: ({ totals }) => (
        <Link to="/sessions/$sessionId" params={{ sessionId: totals.session_id }} search={project}>
          {totals.session_id}
        </Link>
      ),
    },
    {
      header: "Last",
      cell: (session) => (
        <TracesLink view={viewOf(session)}>
          <Time iso={session.totals.last_time} />
        </TracesLink>
      ),
    },
    {
      header: "Newest input",
      cell: ({ newest_trace: { trace_id, input_preview } }) =>
        input_preview && (
          <Link to="/traces/$traceId" params={{ traceId: trace_id }} search={project} className={styles.preview}>
            {input_preview}
          </Link>
        ),
    },
    {
      header: "Traces",
      number: true,
      cell: (session) => <TracesLink view={viewOf(session)}>{formatCount(session.totals.trace_count)}</TracesLink>,
    },
    {
      header: "Errors",
      number: true,
      cell: (session) => (
        <TracesLink view={viewOf(session)} filters={["status:error"]}>
          {formatCount(session.totals.error_count)}
        </TracesLink>
      ),
    },
    {
      header: "Tokens",
      number: true,
      cell: (session) => (
        <TracesLink view={viewOf(session)} filters={["tokens:>0"]}>
          {formatCount(session.totals.input_tokens + session.totals.output_tokens)}
        </TracesLink>
      ),
    },
    {
      header: "Cost",
      number: true,
      cell: (session) => (
        <TracesLink view={viewOf(session)}>
          <Cost usd={dollars(session.totals.cost)} unpriced={session.totals.unpriced_count} />
        </TracesLink>
      ),
    },
    {
      header: "Lasted",
      number: true,
      cell: (session) => <TracesLink view={viewOf(session)}>{formatDuration(session.totals.duration_ns)}</TracesLink>,
    },
    {
      header: "User",
      cell: (session) => <ValueLinks view={viewOf(session)} field="user" values={session.totals.user_ids} />,
    },
    {
      header: "Models",
      cell: (session) => (
        <span className={tables.clip} title={session.totals.models.join(", ")}>
          <ValueLinks view={viewOf(session)} field="model" values={session.totals.models} />
        </span>
      ),
    },
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
      {(!query.error || rows.length > 0) && (
        <DataTable
          label="Sessions, the last first"
          columns={columns}
          rows={rows}
          getId={({ totals }) => totals.session_id}
          empty={query.isPending ? "Loading sessions…" : nothing(isFiltered(search))}
        />
      )}
      {query.hasNextPage && (
        <Button
          className={`${controls.button} ${controls.more}`}
          isDisabled={query.isFetching}
          onPress={() => query.fetchNextPage()}
        >
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
