import { Link } from "@tanstack/react-router";
import { inProject } from "../../model/filters";
import { condition } from "../../model/filterText";
import { formatCount, formatDuration, plural } from "../../model/format";
import type { Trace } from "../../model/trace";
import { CopyButton } from "../../ui/CopyButton";
import { Cost } from "../../ui/Cost";
import { Fact, Facts } from "../../ui/Facts";
import { Time } from "../../ui/Time";
import styles from "./TraceHeader.module.css";

/** What the trace is; `brief` leaves room for what is below. */
export function TraceHeader({ trace, brief }: { trace: Trace; brief: boolean }) {
  const project = inProject(trace.project);
  return (
    <div className={styles.header}>
      <div className={styles.title}>
        <nav aria-label="Breadcrumb" className={styles.crumbs}>
          <Link to="/traces" search={project}>
            Traces
          </Link>
          <span aria-hidden>/</span>
        </nav>
        <h1>{trace.name}</h1>
        {trace.failed && <span className={styles.failed}>{plural(trace.errorCount, "error")}</span>}
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
        <Fact name="Spans">{formatCount(trace.spanCount)}</Fact>
        {trace.inputTokens + trace.outputTokens > 0 && (
          <Fact name="Tokens">
            {formatCount(trace.inputTokens)} in, {formatCount(trace.outputTokens)} out
          </Fact>
        )}
        <Fact name="Cost">
          <Cost usd={trace.cost} unpriced={trace.unpricedCount} />
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
