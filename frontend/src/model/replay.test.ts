import { expect, it } from "vitest";
import { toConversation } from "./conversation";
import { replayOf } from "./replay";
import type { SpanDetail } from "./span";
import { aConversation, aMessage, aSpan } from "./testing";

const call = aSpan({ id: "a", type: "generation", provider: "openai", model: "gpt-4o" });

function detail(...input: ReturnType<typeof aMessage>[]): SpanDetail {
  return { conversation: toConversation(aConversation({ input })) } as SpanDetail;
}

it("repeats a call of OpenAI's with its messages, quoted for the shell", () => {
  const asked = detail(aMessage("user", { type: "text", text: "What's up?" }));
  const replay = replayOf(call, asked, "http://llm.example:8080");
  expect(replay?.curl).toContain("curl http://llm.example:8080/v1/chat/completions \\\n");
  expect(replay?.curl).toContain("What'\\''s up?");
  expect(replay?.python).toContain('base_url="http://llm.example:8080/v1"');
  expect(replay?.python).toContain('"content": "What\'s up?"');
});

it("makes the call into the project that it was of", () => {
  const asked = detail(aMessage("user", { type: "text", text: "Hi" }));
  const replay = replayOf(call, asked, "http://h", "demo");
  expect(replay?.curl).toContain('\n  -H "X-LLMFlow-Project: demo" \\\n');
  expect(replay?.python).toContain('base_url="http://h/v1", default_headers={"X-LLMFlow-Project":"demo"})');
  expect(JSON.stringify(replayOf(call, asked, "http://h"))).not.toContain("X-LLMFlow-Project");
});

it("pairs tool calls with their results", () => {
  const asked = detail(
    aMessage("assistant", { type: "tool_call", id: "c1", name: "rain", arguments: { city: "Oslo" } }),
    aMessage("tool", { type: "tool_call_response", id: "c1", result: "yes" }),
  );
  const { curl } = replayOf(call, asked, "http://h") ?? { curl: "" };
  expect(JSON.parse(curl.slice(curl.indexOf("-d '") + 4, -1)).messages).toEqual([
    {
      role: "assistant",
      content: "",
      tool_calls: [{ id: "c1", type: "function", function: { name: "rain", arguments: '{"city":"Oslo"}' } }],
    },
    { role: "tool", tool_call_id: "c1", content: "yes" },
  ]);
});

it("repeats every result of a message, and what was said beside them", () => {
  const asked = detail(
    aMessage(
      "user",
      { type: "tool_call_response", id: "c1", result: "rain" },
      { type: "tool_call_response", id: "c2", result: { wind: 3 } },
      { type: "text", text: "And tomorrow?" },
    ),
    aMessage("tool", { type: "tool_call_response", id: "c3", result: "sun" }, { type: "text", text: "As asked" }),
  );
  const { curl } = replayOf(call, asked, "http://h") ?? { curl: "" };
  expect(JSON.parse(curl.slice(curl.indexOf("-d '") + 4, -1)).messages).toEqual([
    { role: "tool", tool_call_id: "c1", content: "rain" },
    { role: "tool", tool_call_id: "c2", content: '{"wind":3}' },
    { role: "user", content: "And tomorrow?" },
    { role: "tool", tool_call_id: "c3", content: "sun" },
    { role: "user", content: "As asked" },
  ]);
});

it("passes a body on that is too long for an argument of a command", () => {
  const text = `It's long: ${"ü".repeat(70_000)}\nEND`;
  const { curl } = replayOf(call, detail(aMessage("user", { type: "text", text })), "http://h") ?? { curl: "" };
  const [command, ...lines] = curl.split("\n").slice(3);
  expect(command).toBe("  --data-binary @- <<'END'");
  expect(lines.pop()).toBe("END");
  expect(JSON.parse(lines.join("\n")).messages).toEqual([{ role: "user", content: text }]);
});

it("gives Anthropic its system prompt apart", () => {
  const asked = detail(
    aMessage("system", { type: "text", text: "Be brief." }),
    aMessage("user", { type: "text", text: "Hi" }),
  );
  const replay = replayOf({ ...call, provider: "anthropic" }, asked, "http://h");
  expect(replay?.curl).toContain('"system": "Be brief."');
  expect(replay?.curl).toContain("http://h/v1/messages");
});

it("shows OpenAI the images again", () => {
  const uri = "data:image/png;base64,iVBO";
  const asked = detail(aMessage("user", { type: "text", text: "What is it?" }, { type: "image", uri }));
  const { curl } = replayOf(call, asked, "http://h") ?? { curl: "" };
  expect(JSON.parse(curl.slice(curl.indexOf("-d '") + 4, -1)).messages[0].content).toEqual([
    { type: "text", text: "What is it?" },
    { type: "image_url", image_url: { url: uri } },
  ]);
});

it("does not pretend to repeat what it cannot", () => {
  const text = aMessage("user", { type: "text", text: "Hi" });
  expect(replayOf({ ...call, type: "tool" }, detail(text), "http://h")).toBeNull();
  expect(replayOf({ ...call, provider: "cohere" }, detail(text), "http://h")).toBeNull();
  expect(replayOf(call, detail(aMessage("user", { type: "image", digest: "sha256:9f" })), "http://h")).toBeNull();
  expect(replayOf(call, detail(), "http://h")).toBeNull();
});
