import { parseProjectSearch } from "./filters";

export const SETTINGS_TABS = { keys: "API keys", projects: "Projects", audit: "Audit" } as const;
export type SettingsTab = keyof typeof SETTINGS_TABS;

/** What a key lets a program do. */
export const SCOPES = { ingest: "Send", read: "Read", write: "Change" } as const;
export type Scope = keyof typeof SCOPES;

/** The settings' part of the URL: the part on show, and the project whose keys. */
export interface SettingsSearch {
  project?: string;
  tab?: SettingsTab;
}

export function parseSettingsSearch(raw: Record<string, unknown>): SettingsSearch {
  const search: SettingsSearch = parseProjectSearch(raw);
  if (typeof raw.tab === "string" && raw.tab in SETTINGS_TABS) search.tab = raw.tab as SettingsTab;
  return search;
}
