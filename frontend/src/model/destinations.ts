import type { Wire } from "../api/client";
import { parseProjectSearch } from "./filters";
import { type FindSearch, parseFind } from "./find";

export type Destination = Wire["DestinationDetail"];
export type Definition = Wire["DestinationDefinition"];
export type Preset = Wire["DestinationPreset"];

/** The URL of the destinations: the one that is added (with its preset), changed or replayed to. */
export interface DestinationSearch extends FindSearch {
  project?: string;
  add?: "1";
  preset?: string;
  change?: string;
  replay?: string;
}

export function parseDestinationSearch(raw: Record<string, unknown>): DestinationSearch {
  const search: DestinationSearch = { ...parseProjectSearch(raw), ...parseFind(raw) };
  if (raw.add === "1") search.add = "1";
  for (const name of ["preset", "change", "replay"] as const) {
    const value = raw[name];
    if (typeof value === "string" && value !== "") search[name] = value;
  }
  return search;
}

/** What people call the states. */
export const STATES: Record<Destination["status"]["state"], string> = {
  ok: "well",
  starting: "starting",
  retrying: "retrying",
  open: "down",
  paused: "paused",
  failed: "cannot begin",
  unknown: "not known",
};

/** States that want somebody to look. */
export const TROUBLED: ReadonlySet<string> = new Set(["retrying", "open", "failed"]);

export const AUTH_KINDS = {
  none: "as the preset says",
  bearer: "Bearer key",
  basic: "User and password",
  header: "Header",
};
export type AuthKind = keyof typeof AUTH_KINDS;

/** A destination while it is written. `base` holds what the form does not show, which stays. */
export interface Draft {
  base: Definition;
  name: string;
  preset: string;
  endpoint: string;
  options: Record<string, string>;
  protocol: string;
  dialect: string;
  auth: AuthKind;
  user: string;
  key: string;
  /** Besides what says who sends. */
  headers: readonly { id: string; name: string; value: string }[];
  caFile: string;
  certFile: string;
  keyFile: string;
  insecure: boolean;
  projects: string;
  services: string;
  query: string;
  llmOnly: boolean;
  errorsOnly: boolean;
  sampling: string;
  content: Definition["content"];
  start: Definition["start"];
}

/** What a select shows for "not said". */
export const UNSAID = "unsaid";

/** What the API shows in the place of a secret; sent back, it stands for the one that is there. */
export const STORED = "[secret]";

const NOTHING: Definition = {
  name: "",
  preset: null,
  options: {},
  endpoint: null,
  protocol: null,
  headers: {},
  auth: null,
  tls: null,
  compression: "gzip",
  dialect: null,
  filter: null,
  sampling: 1,
  content: "full",
  start: "earliest",
  paused: false,
  concurrency: 1,
  timeout: null,
  batch_bytes: null,
  batch_seconds: null,
};

export function draftOf(definition: Definition = NOTHING, preset = ""): Draft {
  const { auth, filter, tls } = definition;
  const kind: AuthKind = auth?.bearer ? "bearer" : auth?.basic ? "basic" : auth?.header ? "header" : "none";
  return {
    base: definition,
    name: definition.name || preset,
    preset: definition.preset ?? (preset || UNSAID),
    endpoint: definition.endpoint ?? "",
    options: definition.options,
    protocol: definition.protocol ?? UNSAID,
    dialect: definition.dialect ?? UNSAID,
    auth: kind,
    user: auth?.basic?.username ?? auth?.header?.name ?? "",
    key: auth?.bearer ?? auth?.basic?.password ?? auth?.header?.value ?? "",
    headers: Object.entries(definition.headers).map(([name, value]) => ({ id: name, name, value })),
    caFile: tls?.ca_file ?? "",
    certFile: tls?.cert_file ?? "",
    keyFile: tls?.key_file ?? "",
    insecure: tls?.insecure ?? false,
    projects: (filter?.projects ?? []).join(", "),
    services: (filter?.services ?? []).join(", "),
    query: filter?.query ?? "",
    llmOnly: filter?.llm_only ?? false,
    errorsOnly: filter?.errors_only ?? false,
    sampling: String(definition.sampling),
    content: definition.content,
    start: definition.start,
  };
}

/** What the API takes. Options of another preset, and those, headers and keys that are empty, are left out. */
export function definitionOf(draft: Draft, presets: readonly Preset[]): Definition {
  const known = new Set(presets.find(({ name }) => name === draft.preset)?.options.map(({ name }) => name));
  const options = Object.entries(draft.options)
    .map(([name, value]) => [name, value.trim()] as const)
    .filter(([name, value]) => known.has(name) && value !== "");
  const said = (value: string) => (value === UNSAID ? null : value);
  return {
    ...draft.base,
    name: draft.name.trim(),
    preset: said(draft.preset),
    endpoint: draft.endpoint.trim() || null,
    options: Object.fromEntries(options),
    protocol: said(draft.protocol) as Definition["protocol"],
    dialect: said(draft.dialect) as Definition["dialect"],
    headers: Object.fromEntries(
      draft.headers.map(({ name, value }) => [name.trim(), value.trim()]).filter(([name, value]) => name && value),
    ),
    auth: authOf(draft),
    tls: tlsOf(draft),
    filter: {
      projects: words(draft.projects),
      services: words(draft.services),
      query: draft.query.trim(),
      llm_only: draft.llmOnly,
      errors_only: draft.errorsOnly,
    },
    sampling: Number(draft.sampling.trim() || 1),
    content: draft.content,
    start: draft.start,
  };
}

/** A definition that leaves it to the list whether the destination is paused. */
export function withPause(written: Definition, now: Destination | null): Definition {
  return { ...written, paused: now?.definition?.paused ?? written.paused };
}

function authOf({ auth, base, user, key }: Draft): Definition["auth"] {
  const nothing = { bearer: null, basic: null, header: null, sigv4: null };
  switch (auth) {
    case "bearer":
      return key === "" ? null : { ...nothing, bearer: key };
    case "basic":
      return { ...nothing, basic: { username: user, password: key } };
    case "header":
      return key === "" ? null : { ...nothing, header: { name: user, value: key } };
    case "none":
      return base.auth?.sigv4 ? base.auth : null;
  }
}

function tlsOf({ caFile, certFile, keyFile, insecure }: Draft): Definition["tls"] {
  const file = (path: string) => path.trim() || null;
  const tls = { ca_file: file(caFile), cert_file: file(certFile), key_file: file(keyFile), insecure };
  return Object.values(tls).some(Boolean) ? tls : null;
}

function words(text: string): string[] {
  return text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}

/** A time of an input of type datetime-local, which is in the browser's zone. */
export function localInput(time: Date): string {
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
