import type { Wire } from "../api/client";
import { type Conversation, toConversation } from "./conversation";
import type { Page } from "./page";
import { dollars, type Trace, toTrace, UNNAMED } from "./trace";

export type ObservationType = Wire["ObservationType"];

/** A span as the tree and the waterfall show it. Durations and offsets are nanoseconds, costs US dollars. */
export interface Span {
  id: string;
  parentId: string | null;
  name: string;
  kind: string;
  type: ObservationType;
  service: string;
  startTime: string;
  offsetNs: number;
  durationNs: number;
  status: string;
  statusMessage: string;
  provider: string | null;
  model: string | null;
  responseModel: string | null;
  inputTokens: number | null;
  outputTokens: number | null;
  cacheReadTokens: number | null;
  cacheWriteTokens: number | null;
  reasoningTokens: number | null;
  cost: number | null;
  firstTokenNs: number | null;
  errorType: string | null;
}

/** A span in a list of spans of many traces. */
export interface ListedSpan extends Omit<Span, "offsetNs"> {
  project: string;
  traceId: string;
  userId: string | null;
  inputPreview: string | null;
}

export interface TraceDetail {
  trace: Trace;
  spans: Span[];
  scores: Wire["Score"][];
}

export type Attributes = Record<string, unknown>;

export interface SpanEvent {
  name: string;
  time: string | null;
  attributes: Attributes;
}

export interface SpanLink {
  traceId: string;
  spanId: string;
  attributes: Attributes;
}

/** What a span's exception event says. */
export interface SpanException {
  type: string | null;
  message: string | null;
  stacktrace: string | null;
}

/** What is known of a span beyond `Span`: its content, attributes, events and links. */
export interface SpanDetail {
  scope: string;
  inputCost: number | null;
  outputCost: number | null;
  tokensPerSecond: number | null;
  finishReasons: string[];
  httpStatus: number | null;
  facts: [label: string, value: string][];
  attributes: Attributes;
  resourceAttributes: Attributes;
  events: SpanEvent[];
  exceptions: SpanException[];
  links: SpanLink[];
  conversation: Conversation;
  rawContent: Attributes;
  /** The API's own body, for copying. */
  json: unknown;
}

export function toSpan(wire: Wire["SpanSummary"]): Span {
  return { ...toSpanFacts(wire), offsetNs: wire.offset_ns };
}

export function toSpanPage(wire: Wire["SpanPage"], project: string): Page<ListedSpan> {
  const rows = wire.spans.map((span) => ({
    ...toSpanFacts(span),
    project,
    traceId: span.trace_id,
    userId: span.user_id,
    inputPreview: span.input_preview,
  }));
  return { rows, nextCursor: wire.next_cursor };
}

function toSpanFacts(wire: Omit<Wire["SpanSummary"], "offset_ns">): Omit<Span, "offsetNs"> {
  return {
    id: wire.span_id,
    parentId: wire.parent_span_id,
    name: wire.name || UNNAMED,
    kind: wire.kind,
    type: wire.observation_type,
    service: wire.service,
    startTime: wire.start_time,
    durationNs: wire.duration_ns,
    status: wire.status,
    statusMessage: wire.status_message,
    provider: wire.provider,
    model: wire.model,
    responseModel: wire.response_model,
    inputTokens: wire.input_tokens,
    outputTokens: wire.output_tokens,
    cacheReadTokens: wire.cache_read_tokens,
    cacheWriteTokens: wire.cache_write_tokens,
    reasoningTokens: wire.reasoning_tokens,
    cost: dollars(wire.cost),
    firstTokenNs: wire.time_to_first_token_ns,
    errorType: wire.error_type,
  };
}

export function toTraceDetail(wire: Wire["TraceDetail"]): TraceDetail {
  return { trace: toTrace(wire.trace), spans: wire.spans.map(toSpan), scores: wire.scores };
}

export function toSpanDetail(wire: Wire["SpanDetail"]): SpanDetail {
  const events = wire.events.map(toEvent);
  return {
    scope: [wire.scope, wire.scope_version].filter(Boolean).join(" "),
    inputCost: dollars(wire.input_cost),
    outputCost: dollars(wire.output_cost),
    tokensPerSecond: wire.tokens_per_second,
    finishReasons: wire.finish_reasons,
    httpStatus: wire.http_status,
    facts: facts({
      User: wire.user_id,
      Session: wire.session_id,
      Environment: wire.environment,
      Release: wire.release,
      Prompt: [wire.prompt_name, wire.prompt_version].filter(Boolean).join(" "),
      Tokens: wire.attributes["llmflow.usage.estimated"] === true ? "estimated, the provider stated none" : null,
      "Price from": wire.price_source,
      Tags: wire.tags.join(", "),
    }),
    attributes: wire.attributes,
    resourceAttributes: wire.resource_attributes,
    events,
    exceptions: events.filter((event) => event.name === "exception").map(toException),
    links: wire.links.map(toLink),
    conversation: toConversation(wire.conversation),
    rawContent: wire.raw_content,
    json: wire,
  };
}

function facts(values: Record<string, string | null>): [string, string][] {
  return Object.entries(values).filter((entry): entry is [string, string] => Boolean(entry[1]));
}

function toEvent(wire: Attributes): SpanEvent {
  const { name, time_unix_nano, attributes } = wire;
  return { name: text(name) ?? "event", time: isoOfNanos(time_unix_nano), attributes: record(attributes) };
}

function toException(event: SpanEvent): SpanException {
  return {
    type: text(event.attributes["exception.type"]),
    message: text(event.attributes["exception.message"]),
    stacktrace: text(event.attributes["exception.stacktrace"]),
  };
}

function toLink(wire: Attributes): SpanLink {
  return {
    traceId: text(wire.trace_id) ?? "",
    spanId: text(wire.span_id) ?? "",
    attributes: record(wire.attributes),
  };
}

function isoOfNanos(value: unknown): string | null {
  return typeof value === "number" ? new Date(value / 1e6).toISOString() : null;
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function record(value: unknown): Attributes {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Attributes) : {};
}
