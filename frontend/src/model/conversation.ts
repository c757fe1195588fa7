import type { Wire } from "../api/client";

/** One piece of a message, as the page shows it. */
export type Part =
  | { type: "text" | "reasoning" | "refusal"; text: string }
  | { type: "tool_call"; id: string | null; name: string; arguments: unknown; answer?: ToolResult }
  | ToolResult
  | { type: "media"; media: "image" | "audio" | "file"; uri: string | null; description: string }
  | { type: "json"; value: unknown };

export interface ToolResult {
  type: "tool_result";
  id: string | null;
  name: string | null;
  result: unknown;
}

export interface Message {
  role: string;
  name: string | null;
  finishReason: string | null;
  parts: Part[];
}

export interface Conversation {
  input: Message[];
  output: Message[];
  /** The tool definitions that the model was offered, as they came. */
  tools: unknown[];
}

/** The conversation with every tool result named after the call that it answers. */
export function toConversation(wire: Wire["Conversation"]): Conversation {
  const calls = new Map<string | null, string>();
  for (const part of [...wire.input, ...wire.output].flatMap((message) => message.parts)) {
    if (part.type === "tool_call" && part.id !== null && part.name !== null) calls.set(part.id, part.name);
  }
  const convert = (message: Wire["Message"]): Message => ({
    role: message.role,
    name: message.name,
    finishReason: message.finish_reason,
    parts: message.parts.map((part) => toPart(part, calls)),
  });
  return { input: wire.input.map(convert), output: wire.output.map(convert), tools: wire.tools };
}

/** The messages with every tool's result in the call that it answers, and no more where it came. */
export function paired(messages: readonly Message[]): Message[] {
  const waiting = new Map<string, Extract<Part, { type: "tool_call" }>>();
  const shown: Message[] = [];
  for (const message of messages) {
    const parts: Part[] = [];
    for (const part of message.parts) {
      const call = part.type === "tool_result" && part.id !== null ? waiting.get(part.id) : undefined;
      if (call && part.type === "tool_result") {
        call.answer = part;
        waiting.delete(part.id as string);
      } else if (part.type === "tool_call") {
        const copy = { ...part };
        if (copy.id !== null) waiting.set(copy.id, copy);
        parts.push(copy);
      } else parts.push(part);
    }
    if (parts.length > 0 || message.parts.length === 0) shown.push({ ...message, parts });
  }
  return shown;
}

export function isEmpty(conversation: Conversation): boolean {
  return conversation.input.length === 0 && conversation.output.length === 0;
}

function toPart(part: Wire["Part"], calls: ReadonlyMap<string | null, string>): Part {
  const { id, name, uri } = part;
  switch (part.type) {
    case "text":
    case "reasoning":
    case "refusal":
      return { type: part.type, text: part.text ?? "" };
    case "tool_call":
      return { type: "tool_call", id, name: name ?? "tool", arguments: part.arguments };
    case "tool_call_response":
      return { type: "tool_result", id, name: name ?? calls.get(id) ?? null, result: part.result };
    case "image":
    case "audio":
    case "file":
      return { type: "media", media: part.type, uri, description: describe(part) };
    default:
      return { type: "json", value: part.value };
  }
}

function describe({ name, media_type, size, digest }: Wire["Part"]): string {
  const bytes = size === null ? null : `${size.toLocaleString("en-US")} bytes`;
  return [name, media_type, bytes, digest].filter(Boolean).join(" · ");
}

/** The JSON object or array that a text holds, or undefined when it is ordinary text. */
export function jsonIn(text: string): object | undefined {
  const start = text.trimStart()[0];
  if (start !== "{" && start !== "[") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
