import createClient from "openapi-fetch";
import type { Order } from "../model/directory";
import type { ListOrder, ViewQuery } from "../model/filters";
import type { Versioned } from "../model/meanwhile";
import { fetchOnce, HEADERS } from "./ahead";
import { errorOf, Unreachable } from "./errors";
import type { components, paths } from "./schema";

export type Wire = components["schemas"];

const client = createClient<paths>({
  baseUrl: window.location.origin,
  credentials: "same-origin",
  headers: HEADERS,
  fetch: fetchOnce,
});

/** What an edit relies on having seen: null is that there is no such thing yet. */
type Seen = Versioned | null;

function ifStill(seen: Seen) {
  return seen ? { "If-Match": `"${seen.version}"` } : { "If-None-Match": "*" };
}

interface Outcome<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The body of a successful call; otherwise throws `ApiError` or `Unreachable`. */
async function body<T>(call: Promise<Outcome<T>>): Promise<T> {
  let outcome: Outcome<T>;
  try {
    outcome = await call;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new Unreachable("No connection to the LLMFlow API.", { cause });
  }
  if (!outcome.response.ok) throw errorOf(outcome.response.status, outcome.error);
  return outcome.data as T;
}

export interface PageQuery extends ViewQuery {
  limit: number;
  cursor?: string;
  order?: ListOrder;
  direction?: "asc";
}

export function login(username: string, password: string): Promise<Wire["Session"]> {
  return body(client.POST("/api/v1/login", { body: { username, password } }));
}

export async function logout(): Promise<void> {
  await body(client.POST("/api/v1/logout"));
}

/** Who is logged in, or null when nobody is. */
export async function session(signal: AbortSignal): Promise<Wire["Session"] | null> {
  const { username } = await body(client.GET("/api/v1/session", { signal }));
  return username === null ? null : { username };
}

export function addresses(signal: AbortSignal): Promise<Wire["Addresses"]> {
  return body(client.GET("/api/v1/addresses", { signal }));
}

export function projects(signal: AbortSignal): Promise<Wire["ProjectList"]> {
  return body(client.GET("/api/v1/projects", { signal }));
}

export function traces(query: PageQuery, signal: AbortSignal): Promise<Wire["TracePage"]> {
  return body(client.GET("/api/v1/traces", { params: { query }, signal }));
}

export function trace(project: string, traceId: string, signal: AbortSignal): Promise<Wire["TraceDetail"]> {
  const params = { path: { trace_id: traceId }, query: { project } };
  return body(client.GET("/api/v1/traces/{trace_id}", { params, signal }));
}

export function span(
  project: string,
  traceId: string,
  spanId: string,
  signal: AbortSignal,
): Promise<Wire["SpanDetail"]> {
  const params = { path: { trace_id: traceId, span_id: spanId }, query: { project } };
  return body(client.GET("/api/v1/traces/{trace_id}/spans/{span_id}", { params, signal }));
}

export function filterFields(signal: AbortSignal): Promise<Wire["FilterFields"]> {
  return body(client.GET("/api/v1/filter-fields", { signal }));
}

export function facets(query: ViewQuery, signal: AbortSignal): Promise<Wire["FacetList"]> {
  return body(client.GET("/api/v1/facets", { params: { query }, signal }));
}

export function fieldValues(
  query: Omit<ViewQuery, "filter"> & { field: string; prefix: string },
  signal: AbortSignal,
): Promise<Wire["FieldValues"]> {
  return body(client.GET("/api/v1/field-values", { params: { query }, signal }));
}

export function spans(query: PageQuery, signal: AbortSignal): Promise<Wire["SpanPage"]> {
  return body(client.GET("/api/v1/spans", { params: { query }, signal }));
}

export type AnalyticsQuery = ViewQuery & NonNullable<paths["/api/v1/analytics"]["get"]["parameters"]["query"]>;

export function analytics(query: AnalyticsQuery, signal: AbortSignal): Promise<Wire["Analytics"]> {
  return body(client.GET("/api/v1/analytics", { params: { query }, signal }));
}

export function sessions(query: PageQuery, signal: AbortSignal): Promise<Wire["SessionPage"]> {
  return body(client.GET("/api/v1/sessions", { params: { query }, signal }));
}

export function sessionDetail(
  sessionId: string,
  query: PageQuery,
  signal: AbortSignal,
): Promise<Wire["SessionDetail"]> {
  const params = { path: { session_id: sessionId }, query };
  return body(client.GET("/api/v1/sessions/{session_id}", { params, signal }));
}

export type DirectoryQuery = Omit<ViewQuery, "filter"> & { order: Order; limit: number };

export function users(query: DirectoryQuery & { filter?: string }, signal: AbortSignal): Promise<Wire["UserList"]> {
  return body(client.GET("/api/v1/users", { params: { query }, signal }));
}

export function models(query: DirectoryQuery & { unpriced: boolean }, signal: AbortSignal): Promise<Wire["ModelList"]> {
  return body(client.GET("/api/v1/models", { params: { query }, signal }));
}

export type ScoreQuery = NonNullable<paths["/api/v1/scores"]["get"]["parameters"]["query"]>;

export function scores(query: ScoreQuery, signal: AbortSignal): Promise<Wire["ScorePage"]> {
  return body(client.GET("/api/v1/scores", { params: { query }, signal }));
}

export function addScore(project: string, score: Wire["NewScore"]): Promise<Wire["Score"]> {
  return body(client.POST("/api/v1/scores", { params: { query: { project } }, body: score }));
}

export async function deleteScore(project: string, scoreId: string): Promise<void> {
  await body(
    client.DELETE("/api/v1/scores/{score_id}", { params: { path: { score_id: scoreId }, query: { project } } }),
  );
}

export function createProject(project: Wire["NewProject"]): Promise<Wire["ProjectDetail"]> {
  return body(client.POST("/api/v1/projects", { body: project }));
}

export function keys(project: string, signal: AbortSignal): Promise<Wire["KeyList"]> {
  return body(client.GET("/api/v1/projects/{project}/keys", { params: { path: { project } }, signal }));
}

export function createKey(project: string, key: Wire["NewKey"]): Promise<Wire["CreatedKey"]> {
  return body(client.POST("/api/v1/projects/{project}/keys", { params: { path: { project } }, body: key }));
}

export async function deleteKey(project: string, keyId: string): Promise<void> {
  const path = { project, key_id: keyId };
  await body(client.DELETE("/api/v1/projects/{project}/keys/{key_id}", { params: { path } }));
}

export function audit(
  project: string | undefined,
  before: number | null,
  signal: AbortSignal,
): Promise<Wire["AuditPage"]> {
  const query = { ...(project && { project }), ...(before !== null && { before }) };
  return body(client.GET("/api/v1/audit", { params: { query }, signal }));
}

type QueryOf<Path extends "/api/v1/logs" | "/api/v1/coding-tools/sessions" | "/api/v1/metrics/query"> = NonNullable<
  paths[Path]["get"]["parameters"]["query"]
>;

export function logs(query: QueryOf<"/api/v1/logs">, signal: AbortSignal): Promise<Wire["LogPage"]> {
  return body(client.GET("/api/v1/logs", { params: { query }, signal }));
}

export function codingTools(query: Omit<ViewQuery, "filter">, signal: AbortSignal): Promise<Wire["CodingToolList"]> {
  return body(client.GET("/api/v1/coding-tools", { params: { query }, signal }));
}

export function codingSessions(
  query: QueryOf<"/api/v1/coding-tools/sessions">,
  signal: AbortSignal,
): Promise<Wire["CodingSessionPage"]> {
  return body(client.GET("/api/v1/coding-tools/sessions", { params: { query }, signal }));
}

export function metrics(query: { project: string; from?: string }, signal: AbortSignal): Promise<Wire["MetricList"]> {
  return body(client.GET("/api/v1/metrics/names", { params: { query }, signal }));
}

export function metric(query: QueryOf<"/api/v1/metrics/query">, signal: AbortSignal): Promise<Wire["MetricResult"]> {
  return body(client.GET("/api/v1/metrics/query", { params: { query }, signal }));
}

export async function views(project: string, signal: AbortSignal): Promise<Wire["View"][]> {
  return (await body(client.GET("/api/v1/views", { params: { query: { project } }, signal }))).views;
}

export function createView(project: string, view: Wire["NewView"]): Promise<Wire["View"]> {
  return body(client.POST("/api/v1/views", { params: { query: { project } }, body: view }));
}

export function replaceView(project: string, before: Wire["View"], view: Wire["NewView"]): Promise<Wire["View"]> {
  const params = { path: { view_id: before.id }, query: { project }, header: ifStill(before) };
  return body(client.PUT("/api/v1/views/{view_id}", { params, body: view }));
}

export async function deleteView(project: string, view: Wire["View"]): Promise<void> {
  const params = { path: { view_id: view.id }, query: { project }, header: ifStill(view) };
  await body(client.DELETE("/api/v1/views/{view_id}", { params }));
}

export function prices(query: { model?: string; provider?: string }, signal: AbortSignal): Promise<Wire["PriceList"]> {
  return body(client.GET("/api/v1/prices", { params: { query }, signal }));
}

export function savePrice(name: string, before: Seen, price: Wire["NewPrice"]): Promise<Wire["PriceDetail"]> {
  const params = { path: { name }, header: ifStill(before) };
  return body(client.PUT("/api/v1/prices/{name}", { params, body: price }));
}

export async function deletePrice(price: Wire["PriceDetail"]): Promise<void> {
  const params = { path: { name: price.name }, header: ifStill(price) };
  await body(client.DELETE("/api/v1/prices/{name}", { params }));
}

export function renameProject(before: Wire["ProjectDetail"], title: string): Promise<Wire["ProjectDetail"]> {
  const params = { path: { project: before.name }, header: ifStill(before) };
  return body(client.PATCH("/api/v1/projects/{project}", { params, body: { title } }));
}

/** Deletes a project with all that is in it, whatever that is. */
export function deleteProject(project: string): Promise<Wire["DeletedProject"]> {
  return body(client.DELETE("/api/v1/projects/{project}", { params: { path: { project } } }));
}

export function retention(project: string, signal: AbortSignal): Promise<Wire["RetentionDetail"]> {
  return body(client.GET("/api/v1/projects/{project}/retention", { params: { path: { project } }, signal }));
}

export function setRetention(
  project: string,
  before: Seen,
  choice: Wire["RetentionChoice"],
): Promise<Wire["RetentionDetail"]> {
  const params = { path: { project }, header: ifStill(before) };
  return body(client.PUT("/api/v1/projects/{project}/retention", { params, body: choice }));
}

export function destinations(signal: AbortSignal): Promise<Wire["DestinationList"]> {
  return body(client.GET("/api/v1/destinations", { signal }));
}

export async function destinationPresets(signal: AbortSignal): Promise<Wire["DestinationPreset"][]> {
  return (await body(client.GET("/api/v1/destination-presets", { signal }))).presets;
}

/** Adds a destination, or changes the one that there was. */
export function saveDestination(
  before: Seen,
  definition: Wire["DestinationDefinition"],
): Promise<Wire["DestinationDetail"]> {
  if (!before) return body(client.POST("/api/v1/destinations", { body: definition }));
  const params = { path: { name: definition.name }, header: ifStill(before) };
  return body(client.PUT("/api/v1/destinations/{name}", { params, body: definition }));
}

export function setDestinationPaused(
  before: Wire["DestinationDetail"],
  paused: boolean,
): Promise<Wire["DestinationDetail"]> {
  const params = { path: { name: before.name }, header: ifStill(before) };
  return body(
    paused
      ? client.POST("/api/v1/destinations/{name}/pause", { params })
      : client.POST("/api/v1/destinations/{name}/resume", { params }),
  );
}

export async function removeDestination(before: Wire["DestinationDetail"]): Promise<void> {
  const params = { path: { name: before.name }, header: ifStill(before) };
  await body(client.DELETE("/api/v1/destinations/{name}", { params }));
}

export function testDestination(name: string): Promise<Wire["JobDetail"]> {
  return body(client.POST("/api/v1/destinations/{name}/test", { params: { path: { name } } }));
}

export function replayTo(name: string, replay: Wire["NewReplay"]): Promise<Wire["JobDetail"]> {
  return body(client.POST("/api/v1/destinations/{name}/replays", { params: { path: { name } }, body: replay }));
}

export async function destinationJobs(name: string, signal: AbortSignal): Promise<Wire["JobDetail"][]> {
  return (await body(client.GET("/api/v1/destinations/{name}/jobs", { params: { path: { name } }, signal }))).jobs;
}

export function cancelDestinationJob(name: string, id: number): Promise<Wire["JobDetail"]> {
  const path = { name, job_id: String(id) };
  return body(client.DELETE("/api/v1/destinations/{name}/jobs/{job_id}", { params: { path } }));
}

export async function rules(project: string, signal: AbortSignal): Promise<Wire["RuleDetail"][]> {
  return (await body(client.GET("/api/v1/alerts", { params: { query: { project } }, signal }))).rules;
}

/** Store a new rule, or one in place of what it was. */
export function saveRule(
  project: string,
  before: Wire["RuleDetail"] | null,
  rule: Wire["NewRule"],
): Promise<Wire["RuleDetail"]> {
  const query = { project };
  if (!before) return body(client.POST("/api/v1/alerts", { params: { query }, body: rule }));
  const params = { path: { alert_id: before.id }, query, header: ifStill(before) };
  return body(client.PUT("/api/v1/alerts/{alert_id}", { params, body: rule }));
}

export async function budgets(project: string, signal: AbortSignal): Promise<Wire["BudgetDetail"][]> {
  return (await body(client.GET("/api/v1/budgets", { params: { query: { project } }, signal }))).budgets;
}

/** Store a new budget, or one in place of what it was. */
export function saveBudget(
  project: string,
  before: Wire["BudgetDetail"] | null,
  budget: Wire["NewBudget"],
): Promise<Wire["BudgetDetail"]> {
  const query = { project };
  if (!before) return body(client.POST("/api/v1/budgets", { params: { query }, body: budget }));
  const params = { path: { alert_id: before.id }, query, header: ifStill(before) };
  return body(client.PUT("/api/v1/budgets/{alert_id}", { params, body: budget }));
}

/** A rule or a budget. */
export type Alert = Wire["RuleDetail"] | Wire["BudgetDetail"];

/** Silence a rule or a budget until then, or no longer. */
export async function silenceAlert(alert: Alert, until: string | null): Promise<void> {
  const options = { params: { path: { alert_id: alert.id }, header: ifStill(alert) }, body: { until } };
  await body(
    isBudget(alert)
      ? client.PUT("/api/v1/budgets/{alert_id}/silence", options)
      : client.PUT("/api/v1/alerts/{alert_id}/silence", options),
  );
}

export function testAlert(alert: Alert): Promise<Wire["TestResult"]> {
  const options = { params: { path: { alert_id: alert.id } } };
  return body(
    isBudget(alert)
      ? client.POST("/api/v1/budgets/{alert_id}/test", options)
      : client.POST("/api/v1/alerts/{alert_id}/test", options),
  );
}

export async function deleteAlert(alert: Alert): Promise<void> {
  const options = { params: { path: { alert_id: alert.id }, header: ifStill(alert) } };
  await body(
    isBudget(alert)
      ? client.DELETE("/api/v1/budgets/{alert_id}", options)
      : client.DELETE("/api/v1/alerts/{alert_id}", options),
  );
}

function isBudget(alert: Alert): boolean {
  return "terms" in alert;
}

export function alertHistory(
  project: string,
  before: number | null,
  signal: AbortSignal,
): Promise<Wire["AlertHistory"]> {
  const query = before === null ? { project } : { project, before };
  return body(client.GET("/api/v1/alerts/history", { params: { query }, signal }));
}

export function channels(signal: AbortSignal): Promise<Wire["ChannelList"]> {
  return body(client.GET("/api/v1/channels", { signal }));
}

export function saveChannel(name: string, before: Seen, channel: Wire["NewChannel"]): Promise<Wire["ChannelDetail"]> {
  const params = { path: { name }, header: ifStill(before) };
  return body(client.PUT("/api/v1/channels/{name}", { params, body: channel }));
}

export function testChannel(name: string): Promise<Wire["TestResult"]> {
  return body(client.POST("/api/v1/channels/{name}/test", { params: { path: { name } } }));
}

export async function deleteChannel(before: Wire["ChannelDetail"]): Promise<void> {
  const params = { path: { name: before.name }, header: ifStill(before) };
  await body(client.DELETE("/api/v1/channels/{name}", { params }));
}
