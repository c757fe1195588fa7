import { Link } from "@tanstack/react-router";
import { memo } from "react";
import { inProject } from "../../model/filters";
import { condition } from "../../model/filterText";
import { formatDuration, plural } from "../../model/format";
import type { Span } from "../../model/span";
import type { Trace } from "../../model/trace";
import type { ToolUse } from "../../model/turns";
import { Cost } from "../../ui/Cost";
import { Failure } from "../../ui/Failure";
import { Messages } from "../../ui/Messages";
import { SpansLink } from "../../ui/SpansLink";
import { Time } from "../../ui/Time";
import { TypeMark } from "../../ui/TypeMark";
import styles from "./Turn.module.css";
import { useTurn } from "./useTurn";

/** What the semantic conventions of OpenTelemetry put before a tool's name. */
const CALLED = /^execute_tool /;

interface Props {
  trace: Trace;
  /** From 1. */
  number: number;
}

/** One turn: what was asked and answered in whole, the previews until it is loaded, and what lies between. */
export const Turn = memo(function Turn({ trace, number }: Props) {
  const { asked, answered, tools, failure, isLoading, error, retry } = useTurn(trace);
  const search = inProject(trace.project);
  const tokens = trace.inputTokens + trace.outputTokens;
  const silent = !isLoading && asked.length === 0 && answered.length === 0;
  return (
    <div className={styles.turn} aria-busy={isLoading}>
      <div className={styles.head}>
        <Link to="/traces/$traceId" params={{ traceId: trace.id }} search={search} className={styles.name}>
          {trace.name}
        </Link>
        <Time iso={trace.startTime} />
        <Link to="/traces/$traceId" params={{ traceId: trace.id }} search={search} className={styles.measures}>
          {formatDuration(trace.durationNs)}
          {tokens > 0 && ` · ${plural(tokens, "token")}`} · <Cost usd={trace.cost} unpriced={trace.unpricedCount} />
        </Link>
        {trace.errorCount > 0 && (
          <SpansLink view={search} filters={[condition("trace", trace.id), "status:error"]}>
            <span className={styles.failed}>{plural(trace.errorCount, "error")}</span>
          </SpansLink>
        )}
      </div>
      {asked.length > 0 && <Messages label={`Asked in turn ${number}`} messages={asked} />}
      {isLoading && asked.length === 0 && <Preview text={trace.inputPreview} />}
      {tools.length > 0 && <Tools trace={trace} tools={tools} />}
      {answered.length > 0 && <Messages label={`Answered in turn ${number}`} messages={answered} />}
      {isLoading && answered.length === 0 && <Preview text={trace.outputPreview} />}
      {failure && <FailedSpan trace={trace} span={failure} />}
      {error ? (
        <Failure error={error} onRetry={retry} />
      ) : (
        silent && <p className={styles.none}>No recorded content.</p>
      )}
    </div>
  );
});

function Preview({ text }: { text: string | null }) {
  return text && <p className={styles.preview}>{text}</p>;
}

function Tools({ trace, tools }: { trace: Trace; tools: ToolUse[] }) {
  const view = { ...inProject(trace.project), filter: `${condition("trace", trace.id)} type:tool` };
  return (
    <ul className={styles.tools} aria-label="Tools called">
      {tools.map(({ name, count, errorCount }) => (
        <li key={name}>
          <TypeMark type="tool" />
          <SpansLink view={view} filters={[condition("name", name)]}>
            {name.replace(CALLED, "")}
            {count > 1 && ` × ${count}`}
          </SpansLink>
          {errorCount > 0 && <span className={styles.failed}>{plural(errorCount, "error")}</span>}
        </li>
      ))}
    </ul>
  );
}

function FailedSpan({ trace, span }: { trace: Trace; span: Span }) {
  const search = { ...inProject(trace.project), span: span.id };
  const why = [span.errorType, span.statusMessage].filter(Boolean).join(" · ");
  return (
    <p className={styles.failure}>
      <Link to="/traces/$traceId" params={{ traceId: trace.id }} search={search}>
        {span.name} failed
      </Link>
      {why && <span title={why}>{why}</span>}
    </p>
  );
}
