import type { Wire } from "../api/client";
import { parseViewSearch, type RangeName, type ViewSearch } from "./filters";
import { isKeyOf } from "./keys";

/** The AI command-line tools whose events are understood. */
export const TOOLS = { claude_code: "Claude Code", codex: "Codex CLI", gemini_cli: "Gemini CLI" } as const;
export type Tool = keyof typeof TOOLS;

export function toolLabel(tool: string): string {
  return isKeyOf(TOOLS, tool) ? TOOLS[tool] : tool;
}

export const SEVERITIES = {
  trace: "Trace",
  debug: "Debug",
  info: "Info",
  warn: "Warning",
  error: "Error",
  fatal: "Fatal",
} as const;
export type Severity = keyof typeof SEVERITIES;

/** The range of a list of logs where the URL names none. */
export const LOG_RANGE: RangeName = "24h";

/** What a list of logs is narrowed to, as the API's parameters are called. */
export const LOG_CONDITIONS = ["service", "event_name", "session_id", "trace_id", "text"] as const;
export type LogCondition = (typeof LOG_CONDITIONS)[number];

/** The URL of a list of logs; `log` is the record that is open. */
export interface LogSearch extends Omit<ViewSearch, "filter">, Partial<Record<LogCondition, string>> {
  severity?: Severity;
  tool?: Tool;
  log?: string;
}

export function parseLogSearch(raw: Record<string, unknown>): LogSearch {
  const { filter: _, ...search }: LogSearch & ViewSearch = parseViewSearch(raw);
  for (const name of [...LOG_CONDITIONS, "log"] as const) {
    const value = raw[name];
    if (typeof value === "string" && value !== "") search[name] = value;
  }
  if (isKeyOf(SEVERITIES, raw.severity)) search.severity = raw.severity;
  if (isKeyOf(TOOLS, raw.tool)) search.tool = raw.tool;
  return search;
}

/** The name of a severity, by OpenTelemetry's number or else the record's own text. */
export function severityOf({ severity_number, severity_text }: Wire["LogEntry"]): {
  name: Severity | null;
  label: string;
} {
  const name = (Object.keys(SEVERITIES) as Severity[])[Math.ceil(severity_number / 4) - 1] ?? null;
  return { name, label: name ? SEVERITIES[name] : severity_text || "–" };
}

/** What a record says, in a line: its body, or what an AI command-line tool's event tells. */
export function lineOf({ body, coding, attributes, event_name }: Wire["LogEntry"]): string {
  if (coding) {
    const { kind, model, tool_name, decision, error } = coding;
    const prompt = kind === "prompt" ? attributes.prompt : null;
    const told = [tool_name, decision, model, error, prompt].filter(Boolean).join(" · ");
    if (told) return told;
  }
  if (body === null || body === event_name) return "";
  return typeof body === "string" ? body : JSON.stringify(body);
}
