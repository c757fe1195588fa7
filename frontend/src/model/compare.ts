import type { Message, Part } from "./conversation";
import { formatCost, formatCount, formatDateTime, formatDuration, formatPercent } from "./format";
import type { Span, SpanDetail } from "./span";
import type { Trace } from "./trace";
import { isFailed, type SpanTree } from "./tree";

/** What is compared: a trace, or one span of it. */
export interface Place {
  traceId: string;
  spanId: string | null;
}

/** The comparison's part of the URL: each side is `trace` or `trace:span`, by their ids in hexadecimal. */
export interface CompareSearch {
  project?: string;
  a?: string;
  b?: string;
}

const SIDE = /^([0-9a-f]{32})(?::([0-9a-f]{16}))?$/;

/** What of a comparison's URL query is valid; the rest is dropped. */
export function parseCompareSearch(raw: Record<string, unknown>): CompareSearch {
  const search: CompareSearch = {};
  if (typeof raw.project === "string" && raw.project !== "") search.project = raw.project;
  for (const side of ["a", "b"] as const) {
    const value = raw[side];
    if (typeof value === "string" && SIDE.test(value)) search[side] = value;
  }
  return search;
}

export function sideOf({ traceId, spanId }: Place): string {
  return spanId === null ? traceId : `${traceId}:${spanId}`;
}

export function placeOf(side: string | undefined): Place | null {
  const [, traceId, spanId] = SIDE.exec(side ?? "") ?? [];
  return traceId ? { traceId, spanId: spanId ?? null } : null;
}

/** The place that a text names: a trace's id, `trace:span`, or the address of a trace's page. */
export function placeIn(text: string): Place | null {
  const given = text.trim().toLowerCase();
  const traceId = /(?:^|\/)([0-9a-f]{32})(?=$|[?#:/])/.exec(given)?.[1];
  if (!traceId) return null;
  const spanId = /(?:[?&]span=|^[0-9a-f]{32}:)([0-9a-f]{16})\b/.exec(given)?.[1];
  return { traceId, spanId: spanId ?? null };
}

/** One side with all that is known of it; `span` is null for a trace as a whole, whose root's content is `detail`. */
export interface Side {
  trace: Trace;
  tree: SpanTree;
  span: Span | null;
  detail: SpanDetail;
}

/** A fact of both sides, and how far the second is from the first where that is a number. */
export interface ComparedFact {
  name: string;
  a: string;
  b: string;
  change: string;
}

type Fact = { text: string } | { amount: number; format: (amount: number) => string };

/** The facts that either side has, in one order. */
export function compareFacts(a: Side, b: Side): ComparedFact[] {
  const [left, right] = [factsOf(a), factsOf(b)];
  const names = [...new Set([...left.keys(), ...right.keys()])];
  return names.map((name) => {
    const [one, other] = [left.get(name), right.get(name)];
    return { name, a: shown(one), b: shown(other), change: changeOf(one, other) };
  });
}

function factsOf({ trace, span, detail }: Side): Map<string, Fact> {
  const facts = new Map<string, Fact>();
  const text = (name: string, value: string | null) => value && facts.set(name, { text: value });
  const amount = (name: string, value: number | null, format: (amount: number) => string) =>
    value !== null && facts.set(name, { amount: value, format });
  const of = span ?? trace;
  text("Name", of.name);
  text("Started", formatDateTime(of.startTime));
  text("Result", (span ? isFailed(span) : trace.failed) ? `failed ${detail.httpStatus ?? ""}`.trim() : "ok");
  if (span) text("Error", span.errorType ?? span.statusMessage);
  amount("Duration", of.durationNs, formatDuration);
  if (span) {
    amount("First token", span.firstTokenNs, formatDuration);
    amount("Tokens a second", detail.tokensPerSecond, (speed) => speed.toFixed(1));
    text("Model", [span.provider, span.responseModel ?? span.model].filter(Boolean).join(" · "));
  } else {
    amount("Spans", trace.spanCount, formatCount);
    amount("Errors", trace.errorCount, formatCount);
    text("Models", trace.models.join(", "));
  }
  amount("Input tokens", of.inputTokens, formatCount);
  if (span) amount("Read from cache", span.cacheReadTokens, formatCount);
  amount("Output tokens", of.outputTokens, formatCount);
  if (span) amount("Reasoning tokens", span.reasoningTokens, formatCount);
  amount("Cost", of.cost, formatCost);
  if (span) text("Finished", detail.finishReasons.join(", "));
  text("Service", of.service);
  text("User", trace.userId);
  return facts;
}

function shown(fact: Fact | undefined): string {
  if (!fact) return "–";
  return "text" in fact ? fact.text : fact.format(fact.amount);
}

function changeOf(a: Fact | undefined, b: Fact | undefined): string {
  if (!a || !b) return "";
  if ("text" in a || "text" in b) return shown(a) === shown(b) ? "" : "differs";
  const by = b.amount - a.amount;
  if (by === 0) return "";
  const sign = by > 0 ? "+" : "−";
  const share = a.amount === 0 ? "" : ` (${sign}${formatPercent(Math.abs(by) / a.amount)})`;
  return `${sign}${a.format(Math.abs(by))}${share}`;
}

/** A kind of step of two traces: how many there are of it, and how long they took together in nanoseconds. */
export interface ComparedStep {
  name: string;
  a: { count: number; durationNs: number };
  b: { count: number; durationNs: number };
}

/** The steps of both trees by name, those first whose time differs most. */
export function compareSteps(a: SpanTree, b: SpanTree): ComparedStep[] {
  const steps = new Map<string, ComparedStep>();
  for (const [side, tree] of [["a", a] as const, ["b", b] as const]) {
    for (const { span } of tree.nodes) {
      const step = steps.get(span.name) ?? {
        name: span.name,
        a: { count: 0, durationNs: 0 },
        b: { count: 0, durationNs: 0 },
      };
      step[side].count += 1;
      step[side].durationNs += span.durationNs;
      steps.set(span.name, step);
    }
  }
  const difference = (step: ComparedStep) => Math.abs(step.a.durationNs - step.b.durationNs);
  return [...steps.values()].sort((one, other) => difference(other) - difference(one));
}

/** What of an address is written down: a whole image would push the words apart. */
const URI_CHARACTERS = 80;

/** Messages as one text, to be compared line by line. */
export function transcript(messages: readonly Message[]): string {
  return messages.map(({ role, parts }) => `[${role}]\n${parts.map(textOf).join("\n")}`).join("\n\n");
}

function textOf(part: Part): string {
  switch (part.type) {
    case "text":
    case "reasoning":
    case "refusal":
      return part.text;
    case "tool_call":
      return `calls ${part.name} ${asText(part.arguments)}`;
    case "tool_result":
      return `result of ${part.name ?? "the tool"} ${asText(part.result)}`;
    case "media":
      return `${part.media} ${part.description || part.uri?.slice(0, URI_CHARACTERS) || ""}`.trim();
    case "json":
      return asText(part.value);
  }
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

/** An attribute whose values differ, as JSON; undefined where a side has none. */
export interface ComparedAttribute {
  name: string;
  a: string | undefined;
  b: string | undefined;
}

export function differingAttributes(a: SpanDetail, b: SpanDetail): ComparedAttribute[] {
  const [left, right] = [a, b].map(({ attributes, resourceAttributes }) => ({ ...resourceAttributes, ...attributes }));
  return [...new Set([...Object.keys(left ?? {}), ...Object.keys(right ?? {})])]
    .sort()
    .map((name) => ({ name, a: asJson(left?.[name]), b: asJson(right?.[name]) }))
    .filter((attribute) => attribute.a !== attribute.b);
}

function asJson(value: unknown): string | undefined {
  return typeof value === "string" ? value : JSON.stringify(value);
}
