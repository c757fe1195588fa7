import { parseProjectSearch } from "./filters";
import { type FindSearch, parseFind } from "./find";
import { isKeyOf } from "./keys";

export const SETTINGS_TABS = {
  keys: "API keys",
  project: "This project",
  projects: "Projects",
  audit: "Audit",
} as const;
export type SettingsTab = keyof typeof SETTINGS_TABS;

/** What a key lets a program do. */
export const SCOPES = { ingest: "Send", read: "Read", write: "Change" } as const;
export type Scope = keyof typeof SCOPES;

/** The settings' part of the URL: the part on show, and the project whose keys. */
export interface SettingsSearch extends FindSearch {
  project?: string;
  tab?: SettingsTab;
  /** Of the audit the project's part alone. */
  own?: "1";
}

/** What of a project can be kept for days of its own. */
export const KEPT = {
  spans: "Spans and traces",
  content: "Prompts and completions",
  rollups: "Sums behind charts",
  logs: "Logs",
  metrics: "Metrics",
} as const;
export type Kept = keyof typeof KEPT;

/** The days as the API takes them: null where the text is empty. */
export function daysOf(days: Record<Kept, string>): Record<Kept, number | null> {
  return Object.fromEntries(
    Object.entries(days).map(([kind, text]) => [kind, text.trim() === "" ? null : Number(text)]),
  ) as Record<Kept, number | null>;
}

/** The end of a local day, for a key that is good until then; null for none. */
export function endOf(day: string): string | null {
  if (day === "") return null;
  const [year, month, date] = day.split("-").map(Number) as [number, number, number];
  return new Date(year, month - 1, date + 1).toISOString();
}

export function parseSettingsSearch(raw: Record<string, unknown>): SettingsSearch {
  const search: SettingsSearch = { ...parseProjectSearch(raw), ...parseFind(raw) };
  if (isKeyOf(SETTINGS_TABS, raw.tab)) search.tab = raw.tab;
  if (raw.own === "1") search.own = "1";
  return search;
}
