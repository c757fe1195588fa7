import { Text, Tokens } from "../../list/cells";
import { columnsOf } from "../../list/VirtualTable";
import styles from "../../list/VirtualTable.module.css";
import { formatCount, formatDuration, plural } from "../../model/format";
import type { Trace } from "../../model/trace";
import { Cost } from "../../ui/Cost";
import { Time } from "../../ui/Time";
import { TraceLink } from "./TraceLink";

export const columns = columnsOf<Trace>([
  { id: "time", header: "Time", cell: (trace) => <Time iso={trace.startTime} /> },
  { id: "name", header: "Name and input", cell: (trace) => <TraceLink trace={trace} /> },
  { id: "models", header: "Models", cell: (trace) => <Models names={trace.models} /> },
  { id: "status", header: "Status", cell: (trace) => <Status trace={trace} /> },
  { id: "spans", header: "Spans", cell: (trace) => formatCount(trace.spanCount) },
  { id: "tokens", header: "Tokens", cell: (trace) => <Tokens input={trace.inputTokens} output={trace.outputTokens} /> },
  { id: "cost", header: "Cost", cell: (trace) => <Cost usd={trace.cost} unpriced={trace.unpricedCount} /> },
  { id: "duration", header: "Duration", cell: (trace) => formatDuration(trace.durationNs) },
  { id: "user", header: "User", cell: (trace) => <Text value={trace.userId} /> },
  { id: "session", header: "Session", cell: (trace) => <Text value={trace.sessionId} /> },
]);

function Models({ names }: { names: readonly string[] }) {
  return (
    <span title={names.join(", ")}>
      <span>{names[0]}</span>
      {names.length > 1 && <span className={styles.quiet}>+{names.length - 1}</span>}
    </span>
  );
}

function Status({ trace }: { trace: Trace }) {
  if (!trace.failed) return <span className={styles.ok}>ok</span>;
  return <span className={styles.failed}>{plural(trace.errorCount, "error")}</span>;
}
