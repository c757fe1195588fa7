import type { Conversation, Message } from "./conversation";
import type { Span } from "./span";
import type { Trace } from "./trace";
import { isFailed } from "./tree";

/** The spans of a turn that say what was asked and answered: the lead, and where it is silent, generations. */
export interface Speakers {
  lead: Span | undefined;
  asked: Span | undefined;
  answered: Span | undefined;
}

/** Who speaks in a trace of these spans, given in order of start: its root, its first generation, the last to succeed. */
export function speakersOf(spans: readonly Span[]): Speakers {
  const generations = spans.filter((span) => span.type === "generation");
  return {
    lead: spans.find((span) => span.parentId === null) ?? generations[0] ?? spans[0],
    asked: generations[0],
    answered: generations.findLast((span) => !isFailed(span)) ?? generations.at(-1),
  };
}

const STANDING = new Set(["system", "developer"]);

/** What of an input is new in its turn: what follows the last answer in it, without the standing instructions. */
export function newInput({ input }: Pick<Conversation, "input">): Message[] {
  const said = input.filter(({ role }) => !STANDING.has(role));
  const answered = said.findLastIndex(({ role }) => role === "assistant");
  const fresh = said.slice(answered + 1);
  return fresh.length > 0 ? fresh : said.filter(({ role }) => role === "user").slice(-1);
}

/** How often a tool was called in a turn, and how often it failed. */
export interface ToolUse {
  name: string;
  count: number;
  errorCount: number;
}

/** The tools among the spans, by the names of these, in order of first use. */
export function toolsOf(spans: readonly Span[]): ToolUse[] {
  const tools = new Map<string, ToolUse>();
  for (const span of spans) {
    if (span.type !== "tool") continue;
    const tool = tools.get(span.name) ?? { name: span.name, count: 0, errorCount: 0 };
    tools.set(span.name, tool);
    tool.count += 1;
    if (isFailed(span)) tool.errorCount += 1;
  }
  return [...tools.values()];
}

type Lasting = Pick<Trace, "startTime" | "durationNs">;

/** Nanoseconds from the end of one turn to the beginning of the next; negative when they overlap. */
export function gapNs(before: Lasting, after: Lasting): number {
  return (Date.parse(after.startTime) - Date.parse(before.startTime)) * 1e6 - before.durationNs;
}
