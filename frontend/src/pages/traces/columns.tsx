import { createColumnHelper, tableFeatures } from "@tanstack/react-table";
import { formatCount, formatDuration, plural } from "../../model/format";
import type { Trace } from "../../model/trace";
import { Cost } from "../../ui/Cost";
import { Time } from "../../ui/Time";
import { TraceLink } from "./TraceLink";
import styles from "./TraceTable.module.css";

export const features = tableFeatures({});

const helper = createColumnHelper<typeof features, Trace>();

export const columns = helper.columns([
  helper.accessor("startTime", { id: "time", header: "Time", cell: (cell) => <Time iso={cell.getValue()} /> }),
  helper.accessor("name", {
    id: "name",
    header: "Name and input",
    cell: ({ row }) => <TraceLink trace={row.original} />,
  }),
  helper.accessor("models", { id: "models", header: "Models", cell: (cell) => <Models names={cell.getValue()} /> }),
  helper.accessor("failed", { id: "status", header: "Status", cell: ({ row }) => <Status trace={row.original} /> }),
  helper.accessor("spanCount", { id: "spans", header: "Spans", cell: (cell) => formatCount(cell.getValue()) }),
  helper.accessor((trace) => trace.inputTokens + trace.outputTokens, {
    id: "tokens",
    header: "Tokens",
    cell: ({ row }) => <Tokens trace={row.original} />,
  }),
  helper.accessor("cost", {
    id: "cost",
    header: "Cost",
    cell: ({ row }) => <Cost usd={row.original.cost} unpriced={row.original.unpricedCount} />,
  }),
  helper.accessor("durationNs", {
    id: "duration",
    header: "Duration",
    cell: (cell) => formatDuration(cell.getValue()),
  }),
  helper.accessor("userId", { id: "user", header: "User", cell: (cell) => <Text value={cell.getValue()} /> }),
  helper.accessor("sessionId", { id: "session", header: "Session", cell: (cell) => <Text value={cell.getValue()} /> }),
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

function Tokens({ trace }: { trace: Trace }) {
  const { inputTokens, outputTokens } = trace;
  if (inputTokens + outputTokens === 0) return <span className={styles.quiet}>–</span>;
  return (
    <span title={`${plural(inputTokens, "input token")}, ${plural(outputTokens, "output token")}`}>
      {formatCount(inputTokens)}
      <span className={styles.quiet}> → </span>
      {formatCount(outputTokens)}
    </span>
  );
}

function Text({ value }: { value: string | null }) {
  return <span title={value ?? undefined}>{value}</span>;
}
