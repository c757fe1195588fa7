import type { Message, Part } from "./conversation";
import { DEFAULT_PROJECT } from "./filters";
import type { Span, SpanDetail } from "./span";

/** A call as it can be made again through the proxy: as a shell command and as Python. */
export interface Replay {
  curl: string;
  python: string;
}

type Headers = Readonly<Record<string, string>>;

/** What a command may be given as one argument, in bytes: Linux takes 128 kB. */
const LONGEST_ARGUMENT = 120_000;

/**
 * How to make a model call again through the proxy at the URL `proxy`, into the project that it is of; null for a span
 * that was none, whose content is not kept, or of a provider whose API takes other bodies than these. Text, images of OpenAI's API, tool calls and results are repeated, not parameters and
 * tool definitions.
 */
export function replayOf(span: Span, detail: SpanDetail, proxy: string, project = DEFAULT_PROJECT): Replay | null {
  const { model, provider, type } = span;
  const { input } = detail.conversation;
  if (type !== "generation" || !model || input.length === 0) return null;
  if (!input.every(({ parts }) => parts.every((part) => isRepeatable(part, provider)))) return null;
  const headers: Headers = project === DEFAULT_PROJECT ? {} : { "X-LLMFlow-Project": project };
  if (provider === "openai") return openai(`${proxy}/v1`, headers, { model, messages: input.flatMap(chatMessages) });
  if (provider !== "anthropic" || input.some(({ parts }) => parts.some(({ type: part }) => part.startsWith("tool")))) {
    return null;
  }
  const system = input.filter(({ role }) => role === "system").map(textOf);
  return anthropic(proxy, headers, {
    model,
    max_tokens: 1024,
    ...(system.length > 0 && { system: system.join("\n\n") }),
    messages: input.filter(({ role }) => role !== "system").map((said) => ({ role: said.role, content: textOf(said) })),
  });
}

function isRepeatable(part: Part, provider: string | null): boolean {
  if (part.type === "media") return provider === "openai" && part.media === "image" && part.uri !== null;
  return part.type !== "json";
}

/** One message, or with results of tools one for each of them, as OpenAI has them, and one for what is said beside. */
function chatMessages(message: Message): Record<string, unknown>[] {
  const results = message.parts
    .filter((part) => part.type === "tool_result")
    .map(({ id, result }) => ({ role: "tool", tool_call_id: id, content: asText(result) }));
  const calls = message.parts
    .filter((part) => part.type === "tool_call")
    .map(({ id, name, arguments: given }) => ({ id, type: "function", function: { name, arguments: asText(given) } }));
  const content = chatContent(message);
  if (results.length > 0 && calls.length === 0 && content === "") return results;
  const role = results.length > 0 && message.role === "tool" ? "user" : message.role;
  return [...results, { role, content, ...(calls.length > 0 && { tool_calls: calls }) }];
}

/** A text alone as it is, a text with images as parts. */
function chatContent(message: Message): unknown {
  const images = message.parts.flatMap((part) => (part.type === "media" ? [part.uri] : []));
  if (images.length === 0) return textOf(message);
  const shown = images.map((url) => ({ type: "image_url", image_url: { url } }));
  return [{ type: "text", text: textOf(message) }, ...shown];
}

function textOf({ parts }: Message): string {
  return parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function openai(base: string, headers: Headers, body: object): Replay {
  return {
    curl: curl(`${base}/chat/completions`, { Authorization: "Bearer $OPENAI_API_KEY", ...headers }, body),
    python: `from openai import OpenAI

client = OpenAI(base_url="${base}"${defaultHeaders(headers)})
completion = client.chat.completions.create(**${pythonOf(body)})
print(completion.choices[0].message)`,
  };
}

function anthropic(base: string, headers: Headers, body: object): Replay {
  return {
    curl: curl(
      `${base}/v1/messages`,
      { "x-api-key": "$ANTHROPIC_API_KEY", "anthropic-version": "2023-06-01", ...headers },
      body,
    ),
    python: `from anthropic import Anthropic

client = Anthropic(base_url="${base}"${defaultHeaders(headers)})
message = client.messages.create(**${pythonOf(body)})
print(message.content)`,
  };
}

function defaultHeaders(headers: Headers): string {
  return Object.keys(headers).length > 0 ? `, default_headers=${JSON.stringify(headers)}` : "";
}

function curl(url: string, headers: Headers, body: object): string {
  const sent = Object.entries({ ...headers, "Content-Type": "application/json" });
  const lines = [`curl ${url}`, ...sent.map(([name, value]) => `-H "${name}: ${value}"`)];
  const json = JSON.stringify(body, null, 2);
  const isLong = new TextEncoder().encode(json).length > LONGEST_ARGUMENT;
  const data = isLong ? `--data-binary @- <<'END'\n${json}\nEND` : `-d '${json.replaceAll("'", "'\\''")}'`;
  return [...lines, data].join(" \\\n  ");
}

/** JSON without booleans is Python too, but for null. */
function pythonOf(value: unknown, indent = ""): string {
  if (value === null) return "None";
  if (typeof value !== "object") return JSON.stringify(value);
  const inner = `${indent}    `;
  const items = Array.isArray(value)
    ? value.map((item) => inner + pythonOf(item, inner))
    : Object.entries(value).map(([key, item]) => `${inner}${JSON.stringify(key)}: ${pythonOf(item, inner)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return `${open}\n${items.join(",\n")}\n${indent}${close}`;
}
