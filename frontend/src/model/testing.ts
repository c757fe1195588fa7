import type { Wire } from "../api/client";
import type { Message } from "./conversation";
import type { Span } from "./span";

/** A span for tests; what matters to a test is given, the rest is ordinary. */
export function aSpan(given: Partial<Span> & { id: string }): Span {
  return {
    parentId: null,
    name: given.id,
    kind: "internal",
    type: "span",
    service: "app",
    startTime: "2026-05-04T12:00:00.000000Z",
    offsetNs: 0,
    durationNs: 1_000_000,
    status: "ok",
    statusMessage: "",
    provider: null,
    model: null,
    responseModel: null,
    inputTokens: null,
    outputTokens: null,
    cacheReadTokens: null,
    cacheWriteTokens: null,
    reasoningTokens: null,
    cost: null,
    firstTokenNs: null,
    errorType: null,
    ...given,
  };
}

/** Spans from lines of `id` or `id<parent`, in order of start; `!` after the id marks a failed one. */
export function spansOf(...lines: string[]): Span[] {
  return lines.map((line, index) => {
    const [name, parent] = line.split("<");
    const id = (name ?? "").replace("!", "");
    return aSpan({
      id,
      parentId: parent ?? null,
      offsetNs: index * 1_000_000,
      status: name?.endsWith("!") ? "error" : "ok",
    });
  });
}

/** A conversation as the API sends it. */
export function aConversation(given: Partial<Wire["Conversation"]> = {}): Wire["Conversation"] {
  return { input: [], output: [], tools: [], ...given };
}

/** A message as the API sends it, of parts that give what they have. */
export function aMessage(
  role: string,
  ...parts: (Partial<Wire["Part"]> & Pick<Wire["Part"], "type">)[]
): Wire["Message"] {
  return { role, name: null, finish_reason: null, parts: parts.map((part) => ({ ...EMPTY_PART, ...part })) };
}

/** A message of one text, as the page has it. */
export function says(role: string, text: string): Message {
  return { role, name: null, finishReason: null, parts: [{ type: "text", text }] };
}

const EMPTY_PART: Omit<Wire["Part"], "type"> = {
  text: null,
  id: null,
  name: null,
  arguments: null,
  result: null,
  uri: null,
  media_type: null,
  size: null,
  digest: null,
  value: null,
};
