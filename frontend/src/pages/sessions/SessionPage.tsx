import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useParams, useSearch } from "@tanstack/react-router";
import { Button } from "react-aria-components";
import { sessionQueryOf } from "../../app/queries";
import { inProject } from "../../model/filters";
import { condition } from "../../model/filterText";
import { formatCount, formatDuration, plural } from "../../model/format";
import { dollars, type Trace, toTrace } from "../../model/trace";
import { CopyButton } from "../../ui/CopyButton";
import { Cost } from "../../ui/Cost";
import { Fact, Facts } from "../../ui/Facts";
import { Failure } from "../../ui/Failure";
import { Loading, Page } from "../../ui/Page";
import { SpansLink } from "../../ui/SpansLink";
import { Time } from "../../ui/Time";
import styles from "./sessions.module.css";

/** One session as a conversation: what was asked and answered in each of its traces, in order of time. */
export function SessionPage() {
  const { sessionId } = useParams({ from: "/session/sessions/$sessionId" });
  const search = useSearch({ from: "/session/sessions/$sessionId" });
  const query = useInfiniteQuery(sessionQueryOf(search.project, sessionId));
  const totals = query.data?.pages[0]?.totals;
  const traces = query.data?.pages.flatMap((page) => page.traces).map(toTrace) ?? [];
  traces.sort((a, b) => (a.startTime < b.startTime ? -1 : 1));
  const view = { ...inProject(search.project), filter: condition("session", sessionId) };
  return (
    <Page title={`Session ${sessionId}`} scrolls beside={<CopyButton what="session ID" text={sessionId} />}>
      {query.isPending && !query.error && <Loading what="the session" />}
      {query.error && <Failure error={query.error} onRetry={() => query.refetch()} />}
      {totals && (
        <div className={styles.facts}>
          <Facts label="Session summary">
            <Fact name="Started">
              <Time iso={totals.first_time} full />
            </Fact>
            <Fact name="Lasted">{formatDuration(totals.duration_ns)}</Fact>
            <Fact name="Traces">
              <Link to="/traces" search={view}>
                {formatCount(totals.trace_count)}
              </Link>
            </Fact>
            <Fact name="Errors">
              <SpansLink view={view} filters={["status:error"]}>
                {formatCount(totals.error_count)}
              </SpansLink>
            </Fact>
            <Fact name="Tokens">
              {formatCount(totals.input_tokens)} in, {formatCount(totals.output_tokens)} out
            </Fact>
            <Fact name="Cost">
              <Cost usd={dollars(totals.cost)} unpriced={totals.unpriced_count} />
            </Fact>
            {totals.user_ids.length > 0 && <Fact name="User">{totals.user_ids.join(", ")}</Fact>}
            {totals.models.length > 0 && <Fact name="Models">{totals.models.join(", ")}</Fact>}
          </Facts>
        </div>
      )}
      {query.hasNextPage && (
        <Button className={styles.more} isDisabled={query.isFetching} onPress={() => query.fetchNextPage()}>
          Show earlier traces
        </Button>
      )}
      <ol className={styles.turns} aria-label="Conversation">
        {traces.map((trace) => (
          <Turn key={trace.id} trace={trace} />
        ))}
      </ol>
      {query.data && traces.length === 0 && <p className={styles.silent}>No trace carries this session’s id.</p>}
    </Page>
  );
}

function Turn({ trace }: { trace: Trace }) {
  return (
    <li className={styles.turn}>
      <div className={styles.head}>
        <Link to="/traces/$traceId" params={{ traceId: trace.id }} search={inProject(trace.project)}>
          {trace.name}
        </Link>
        <Time iso={trace.startTime} />
        <span>{formatDuration(trace.durationNs)}</span>
        <span>{plural(trace.inputTokens + trace.outputTokens, "token")}</span>
        <Cost usd={trace.cost} unpriced={trace.unpricedCount} />
        {trace.failed && <span className={styles.failed}>{plural(trace.errorCount, "error")}</span>}
      </div>
      {trace.inputPreview && (
        <div className={styles.said} data-who="user">
          {trace.inputPreview}
        </div>
      )}
      {trace.outputPreview && <div className={styles.said}>{trace.outputPreview}</div>}
      {!trace.inputPreview && !trace.outputPreview && <p className={styles.silent}>No recorded content.</p>}
    </li>
  );
}
