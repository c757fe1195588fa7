import { Link } from "@tanstack/react-router";
import { Text, Tokens } from "../../list/cells";
import { columnsOf } from "../../list/VirtualTable";
import styles from "../../list/VirtualTable.module.css";
import { inProject } from "../../model/filters";
import { formatDuration } from "../../model/format";
import type { ListedSpan } from "../../model/span";
import { Cost } from "../../ui/Cost";
import { Time } from "../../ui/Time";
import { TypeMark } from "../../ui/TypeMark";

export const columns = columnsOf<ListedSpan>([
  { id: "time", header: "Time", cell: (span) => <Time iso={span.startTime} /> },
  { id: "name", header: "Name and input", cell: (span) => <SpanLink span={span} /> },
  { id: "models", header: "Model", cell: (span) => <Text value={span.responseModel ?? span.model} /> },
  { id: "status", header: "Status", cell: (span) => <Status span={span} /> },
  { id: "tokens", header: "Tokens", cell: (span) => <Tokens input={span.inputTokens} output={span.outputTokens} /> },
  {
    id: "cost",
    header: "Cost",
    cell: (span) => <Cost usd={span.cost} unpriced={span.cost === null && (span.inputTokens ?? 0) > 0 ? 1 : 0} />,
  },
  {
    id: "ttft",
    header: "First token",
    cell: (span) => (span.firstTokenNs === null ? "" : formatDuration(span.firstTokenNs)),
  },
  { id: "duration", header: "Duration", cell: (span) => formatDuration(span.durationNs) },
  { id: "service", header: "Service", cell: (span) => <Text value={span.service} /> },
  { id: "user", header: "User", cell: (span) => <Text value={span.userId} /> },
]);

function SpanLink({ span }: { span: ListedSpan }) {
  return (
    <>
      <TypeMark type={span.type} />
      <Link
        to="/traces/$traceId"
        params={{ traceId: span.traceId }}
        search={{ ...inProject(span.project), span: span.id }}
        className={styles.link}
      >
        {span.name}
      </Link>
      <span className={styles.preview}>{span.inputPreview}</span>
    </>
  );
}

function Status({ span }: { span: ListedSpan }) {
  if (span.status !== "error") return <span className={styles.ok}>ok</span>;
  return (
    <span className={styles.failed} title={span.errorType ?? span.statusMessage}>
      error
    </span>
  );
}
