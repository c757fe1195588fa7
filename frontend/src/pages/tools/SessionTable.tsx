import { Link } from "@tanstack/react-router";
import type { Wire } from "../../api/client";
import type { ToolsSearch } from "../../model/codingTools";
import { totalTokens } from "../../model/directory";
import { inProject } from "../../model/filters";
import { condition } from "../../model/filterText";
import { formatCount } from "../../model/format";
import { type LogSearch, toolLabel } from "../../model/logs";
import { dollars } from "../../model/trace";
import { Cost } from "../../ui/Cost";
import { type DataColumn, DataTable } from "../../ui/DataTable";
import { Time } from "../../ui/Time";
import styles from "./ToolsPage.module.css";

type Row = Wire["CodingSessionDetail"];

interface Props {
  search: ToolsSearch;
  sessions: readonly Row[] | undefined;
}

/** The tools' sessions; their numbers lead to the events that they are counted from. */
export function SessionTable({ search, sessions }: Props) {
  const project = inProject(search.project);
  const events = ({ session_id, first_time, last_time }: Row): LogSearch => ({
    ...project,
    session_id,
    from: first_time,
    to: new Date(Date.parse(last_time) + 1).toISOString(),
  });
  const number = (header: string, value: (row: Row) => number): DataColumn<Row> => ({
    header,
    number: true,
    cell: (row) => (
      <Link to="/logs" search={events(row)}>
        {formatCount(value(row))}
      </Link>
    ),
  });
  const columns: DataColumn<Row>[] = [
    {
      header: "Session",
      cell: (row) => (
        <Link to="/logs" search={events(row)}>
          {row.session_id}
        </Link>
      ),
    },
    { header: "Tool", cell: ({ tool }) => toolLabel(tool) },
    { header: "Last", cell: ({ last_time }) => <Time iso={last_time} /> },
    { header: "User", cell: ({ user_id }) => <span className={styles.user}>{user_id}</span> },
    { header: "Models", cell: ({ models }) => models.join(", ") },
    number("Prompts", ({ usage }) => usage.prompts),
    number("Calls", ({ usage }) => usage.requests),
    number("Tokens", ({ usage }) => totalTokens(usage)),
    {
      header: "Cost",
      number: true,
      cell: (row) => (
        <Link
          to="/logs"
          search={events(row)}
          title={row.cost_source === "traces" ? "As of its traces" : "As of its events"}
        >
          <Cost usd={dollars(row.cost)} unpriced={row.cost_source === "traces" ? 0 : row.usage.unpriced_count} />
        </Link>
      ),
    },
    number("Tool calls", ({ usage }) => usage.tool_calls),
    number("Allowed", ({ usage }) => usage.accepted),
    number("Refused", ({ usage }) => usage.rejected),
    {
      header: "Traces",
      number: true,
      cell: ({ session_id, trace_count }) => (
        <Link to="/traces" search={{ ...project, filter: condition("session", session_id) }}>
          {formatCount(trace_count)}
        </Link>
      ),
    },
  ];
  return (
    <section className={styles.sessions} aria-label="Sessions">
      <h2>Sessions</h2>
      <DataTable
        label="Sessions of AI command-line tools, the last first"
        columns={columns}
        rows={sessions ?? []}
        getId={({ tool, session_id }) => `${tool} ${session_id}`}
        empty={
          sessions ? "Metrics alone tell of no sessions: switch the tool's logs exporter on." : "Loading sessions…"
        }
      />
    </section>
  );
}
