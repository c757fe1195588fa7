import type { Wire } from "../api/client";
import { parseViewSearch, type RangeName, type ViewSearch } from "./filters";
import { isKeyOf } from "./keys";
import { TOOLS, type Tool } from "./logs";

export const TOOLS_RANGE: RangeName = "7d";

/** The URL of the page of AI command-line tools; `tool` is the one whose sessions and charts are on show. */
export interface ToolsSearch extends Omit<ViewSearch, "filter"> {
  tool?: Tool;
}

export function parseToolsSearch(raw: Record<string, unknown>): ToolsSearch {
  const { filter: _, ...search }: ToolsSearch & ViewSearch = parseViewSearch(raw);
  if (isKeyOf(TOOLS, raw.tool)) search.tool = raw.tool;
  return search;
}

interface ToolChart {
  title: string;
  name: string;
  by: string;
  /** Whether the lines overlap, as cached tokens are among those of the input: then they are not stacked. */
  overlaps?: true;
}

/** What the tools' own metrics show over time, by their documentation. */
export const TOOL_CHARTS: Record<Tool, readonly ToolChart[]> = {
  claude_code: [
    { title: "Tokens by kind", name: "claude_code.token.usage", by: "type" },
    { title: "Cost by model", name: "claude_code.cost.usage", by: "model" },
    { title: "Lines of code", name: "claude_code.lines_of_code.count", by: "type" },
    { title: "Decisions on edits", name: "claude_code.code_edit_tool.decision", by: "decision" },
    { title: "Active time", name: "claude_code.active_time.total", by: "type" },
    { title: "Commits", name: "claude_code.commit.count", by: "" },
  ],
  codex: [
    { title: "Tokens by kind", name: "codex.turn.token_usage", by: "token_type", overlaps: true },
    { title: "Tool calls", name: "codex.tool.call", by: "tool" },
    { title: "Threads", name: "codex.thread.started", by: "model" },
  ],
  gemini_cli: [
    { title: "Tokens by kind", name: "gemini_cli.token.usage", by: "type", overlaps: true },
    { title: "Calls of models", name: "gemini_cli.api.request.count", by: "model" },
    { title: "Tool calls", name: "gemini_cli.tool.call.count", by: "function_name" },
    { title: "Decisions", name: "gemini_cli.tool.call.count", by: "decision" },
    { title: "Lines of code", name: "gemini_cli.lines.changed", by: "type" },
  ],
};

/** A figure that is known: a tool's metrics tell some of what its events do, and 0 for the rest. */
export function isTold({ source }: Wire["CodingToolDetail"], value: number): boolean {
  return source === "events" || value > 0;
}

/** The events that figures of a tool's use are counted from. */
export const TOOL_EVENTS: Record<Tool, Partial<Record<keyof Wire["CodingUsageDetail"], string>>> = {
  claude_code: {
    prompts: "claude_code.user_prompt",
    requests: "claude_code.api_request",
    tool_calls: "claude_code.tool_result",
    failed_tool_calls: "claude_code.tool_result",
    accepted: "claude_code.tool_decision",
    rejected: "claude_code.tool_decision",
  },
  codex: {
    prompts: "codex.user_prompt",
    requests: "codex.sse_event",
    tool_calls: "codex.tool_result",
    failed_tool_calls: "codex.tool_result",
    accepted: "codex.tool_decision",
    rejected: "codex.tool_decision",
  },
  gemini_cli: {
    prompts: "gemini_cli.user_prompt",
    requests: "gemini_cli.api_response",
    errors: "gemini_cli.api_error",
    tool_calls: "gemini_cli.tool_call",
    failed_tool_calls: "gemini_cli.tool_call",
    accepted: "gemini_cli.tool_call",
    rejected: "gemini_cli.tool_call",
  },
};
