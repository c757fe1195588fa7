import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Wire } from "../../api/client";
import { isTold, TOOL_EVENTS, TOOLS_RANGE, type ToolsSearch } from "../../model/codingTools";
import { totalTokens } from "../../model/directory";
import { formatCount, formatDuration } from "../../model/format";
import { type LogSearch, type Tool, toolLabel } from "../../model/logs";
import { dollars } from "../../model/trace";
import { Cost } from "../../ui/Cost";
import { type DataColumn, DataTable } from "../../ui/DataTable";
import { Time } from "../../ui/Time";
import tables from "../../ui/table.module.css";

type Row = Wire["CodingToolDetail"];
type Figure = Exclude<keyof Row["usage"], "cost">;

/** Each tool's sums; those of events lead to them, those of metrics to these. */
export function ToolTable({ search, tools }: { search: ToolsSearch; tools: readonly Row[] }) {
  const { tool: _, ...view } = search;
  const within: LogSearch = view.range || view.from || view.to ? view : { ...view, range: TOOLS_RANGE };
  const behind = ({ tool, source }: Row, text: ReactNode, event_name?: string) =>
    source === "events" ? (
      <Link to="/logs" search={{ ...within, tool: tool as Tool, ...(event_name && { event_name }) }}>
        {text}
      </Link>
    ) : (
      <Link to="/otlp-metrics" search={{ ...within, name: TOKENS[tool as Tool] }}>
        {text}
      </Link>
    );
  const number = (header: string, value: (row: Row) => number, figure?: Figure): DataColumn<Row> => ({
    header,
    number: true,
    cell: (row) =>
      isTold(row, value(row))
        ? behind(row, formatCount(value(row)), figure && TOOL_EVENTS[row.tool as Tool]?.[figure])
        : unknown,
  });
  const used = (header: string, figure: Figure) => number(header, ({ usage }) => usage[figure], figure);
  const columns: DataColumn<Row>[] = [
    { header: "Tool", cell: (row) => behind(row, toolLabel(row.tool)) },
    {
      header: "Told by",
      cell: ({ source }) => <span className={tables.quiet}>{source === "events" ? "events" : "metrics only"}</span>,
    },
    number("Sessions", (row) => row.sessions),
    number("Users", (row) => row.users),
    used("Prompts", "prompts"),
    used("Calls", "requests"),
    used("Errors", "errors"),
    number("Tokens", ({ usage }) => totalTokens(usage), "requests"),
    {
      header: "Cost",
      number: true,
      cell: (row) =>
        behind(
          row,
          <Cost usd={dollars(row.usage.cost)} unpriced={row.usage.unpriced_count} />,
          TOOL_EVENTS[row.tool as Tool]?.requests,
        ),
    },
    used("Tool calls", "tool_calls"),
    used("Failed", "failed_tool_calls"),
    used("Allowed", "accepted"),
    used("Refused", "rejected"),
    {
      header: "Lines of code",
      number: true,
      cell: ({ work }) =>
        work.lines_added === null && work.lines_removed === null
          ? unknown
          : `+${formatCount(work.lines_added ?? 0)} −${formatCount(work.lines_removed ?? 0)}`,
    },
    {
      header: "Commits",
      number: true,
      cell: ({ work }) => (work.commits === null ? unknown : formatCount(work.commits)),
    },
    {
      header: "Active",
      number: true,
      cell: ({ work }) => (work.active_seconds === null ? unknown : formatDuration(work.active_seconds * 1e9)),
    },
    { header: "Last", cell: ({ last_time }) => <Time iso={last_time} /> },
  ];
  return (
    <DataTable
      label="AI command-line tools"
      columns={columns}
      rows={tools}
      getId={({ tool }) => tool}
      empty="Not used."
    />
  );
}

const TOKENS: Record<Tool, string> = {
  claude_code: "claude_code.token.usage",
  codex: "codex.turn.token_usage",
  gemini_cli: "gemini_cli.token.usage",
};

const unknown = <span className={tables.quiet}>–</span>;
