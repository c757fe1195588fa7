import { useInfiniteQuery } from "@tanstack/react-query";
import { useParams, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { sessionQueryOf } from "../../app/queries";
import { inProject } from "../../model/filters";
import { condition } from "../../model/filterText";
import { formatCount, formatDuration } from "../../model/format";
import { dollars, toTrace } from "../../model/trace";
import { CopyButton } from "../../ui/CopyButton";
import { Cost } from "../../ui/Cost";
import { Fact, Facts } from "../../ui/Facts";
import { Failure } from "../../ui/Failure";
import { MarkdownToggle } from "../../ui/MessageText";
import { Loading, Page } from "../../ui/Page";
import { TracesLink, ValueLinks } from "../../ui/SpansLink";
import { Time } from "../../ui/Time";
import styles from "./sessions.module.css";
import { Turns } from "./Turns";

/** One session as a conversation: what was asked and answered in each of its traces, in order of time. */
export function SessionPage() {
  const { sessionId } = useParams({ from: "/session/sessions/$sessionId" });
  const search = useSearch({ from: "/session/sessions/$sessionId" });
  const id = `${search.project ?? ""}/${sessionId}`;
  const query = useInfiniteQuery(sessionQueryOf(search.project, sessionId));
  const totals = query.data?.pages[0]?.totals;
  const traces = useMemo(() => query.data?.pages.flatMap((page) => page.traces).map(toTrace) ?? [], [query.data]);
  const view = { ...inProject(search.project), filter: condition("session", sessionId) };
  return (
    <Page
      title={`Session ${sessionId}`}
      beside={
        <>
          <CopyButton what="session ID" text={sessionId} />
          <span className={styles.toggle}>
            <MarkdownToggle />
          </span>
        </>
      }
    >
      {query.isPending && !query.error && <Loading what="the session" />}
      {query.error && <Failure error={query.error} onRetry={() => query.refetch()} />}
      {totals && (
        <div className={styles.facts}>
          <Facts label="Session summary">
            <Fact name="Started">
              <Time iso={totals.first_time} full />
            </Fact>
            <Fact name="Lasted">
              <TracesLink view={view}>{formatDuration(totals.duration_ns)}</TracesLink>
            </Fact>
            <Fact name="Traces">
              <TracesLink view={view}>{formatCount(totals.trace_count)}</TracesLink>
            </Fact>
            <Fact name="Errors">
              <TracesLink view={view} filters={["status:error"]}>
                {formatCount(totals.error_count)}
              </TracesLink>
            </Fact>
            <Fact name="Tokens">
              <TracesLink view={view} filters={["tokens:>0"]}>
                {formatCount(totals.input_tokens)} in, {formatCount(totals.output_tokens)} out
              </TracesLink>
            </Fact>
            <Fact name="Cost">
              <TracesLink view={view}>
                <Cost usd={dollars(totals.cost)} unpriced={totals.unpriced_count} />
              </TracesLink>
            </Fact>
            {totals.user_ids.length > 0 && (
              <Fact name={totals.user_ids.length > 1 ? "Users" : "User"}>
                <ValueLinks view={view} field="user" values={totals.user_ids} />
              </Fact>
            )}
            {totals.models.length > 0 && (
              <Fact name="Models">
                <ValueLinks view={view} field="model" values={totals.models} />
              </Fact>
            )}
          </Facts>
        </div>
      )}
      {totals && (
        <Turns
          key={id}
          id={id}
          traces={traces}
          total={totals.trace_count}
          onMore={query.hasNextPage && !query.isFetching && !query.error ? query.fetchNextPage : null}
        />
      )}
      {query.data && traces.length === 0 && <p className={styles.silent}>No trace carries this session’s id.</p>}
    </Page>
  );
}
