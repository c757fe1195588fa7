import { Link, useSearch } from "@tanstack/react-router";
import { REQUESTS } from "../../model/analytics";
import { inProject } from "../../model/filters";
import { condition } from "../../model/filterText";
import { formatCount, formatDuration, plural } from "../../model/format";
import type { Span } from "../../model/span";
import type { Trace } from "../../model/trace";
import { CopyButton } from "../../ui/CopyButton";
import { Cost } from "../../ui/Cost";
import { Fact, Facts } from "../../ui/Facts";
import { SpansLink } from "../../ui/SpansLink";
import { Time } from "../../ui/Time";
import styles from "./TraceHeader.module.css";

interface Props {
  trace: Trace;
  /** Leaves room for what is below. */
  brief: boolean;
  /** The span in which a failure began; undefined while none has failed. */
  failure: Span | undefined;
  onFailure: () => void;
}

/** What the trace is. */
export function TraceHeader({ trace, brief, failure, onFailure }: Props) {
  const project = inProject(trace.project);
  const spans = { ...project, filter: condition("trace", trace.id) };
  const search = useSearch({ from: "/session/traces/$traceId" });
  const errors = plural(trace.errorCount, "error");
  return (
    <div className={styles.header}>
      <div className={styles.title}>
        <nav aria-label="Breadcrumb" className={styles.crumbs}>
          <Link to="/traces" search={project}>
            Traces
          </Link>
          <span aria-hidden>/</span>
        </nav>
        <h1 title={trace.name}>{trace.name}</h1>
        {failure && (
          <Link
            to="/traces/$traceId"
            params={{ traceId: trace.id }}
            search={{ ...search, span: failure.id }}
            className={styles.failed}
            title={`To ${failure.name}, the first to fail`}
            onClick={onFailure}
          >
            {errors}
          </Link>
        )}
        {trace.failed && !failure && <span className={styles.failed}>{errors}</span>}
        {!trace.hasRoot && <span className={styles.note}>root span missing</span>}
        <span className={styles.id}>
          <code title={trace.id}>{trace.id.slice(0, 8)}…</code>
          <CopyButton what="trace ID" text={trace.id} />
        </span>
      </div>
      <Facts label="Trace summary" hidden={brief}>
        <Fact name="Started">
          <Time iso={trace.startTime} full />
        </Fact>
        <Fact name="Duration">{formatDuration(trace.durationNs)}</Fact>
        <Fact name="Spans">
          <SpansLink view={spans}>{formatCount(trace.spanCount)}</SpansLink>
        </Fact>
        {trace.inputTokens + trace.outputTokens > 0 && (
          <Fact name="Tokens">
            <SpansLink view={spans} filters={["tokens:>0"]}>
              {formatCount(trace.inputTokens)} in, {formatCount(trace.outputTokens)} out
            </SpansLink>
          </Fact>
        )}
        <Fact name="Cost">
          <SpansLink view={spans} filters={[REQUESTS]}>
            <Cost usd={trace.cost} unpriced={trace.unpricedCount} />
          </SpansLink>
        </Fact>
        {trace.service && (
          <Fact name="Service">
            <Link to="/traces" search={{ ...project, filter: condition("service", trace.service) }}>
              {trace.service}
            </Link>
          </Fact>
        )}
        {trace.userId && (
          <Fact name="User">
            <Link to="/traces" search={{ ...project, filter: condition("user", trace.userId) }}>
              {trace.userId}
            </Link>
          </Fact>
        )}
        {trace.sessionId && (
          <Fact name="Session">
            <Link to="/sessions/$sessionId" params={{ sessionId: trace.sessionId }} search={project}>
              {trace.sessionId}
            </Link>
          </Fact>
        )}
        {trace.environment && <Fact name="Environment">{trace.environment}</Fact>}
        {trace.tags.length > 0 && <Fact name="Tags">{trace.tags.join(", ")}</Fact>}
      </Facts>
    </div>
  );
}
