import { describe, expect, it } from "vitest";
import { isEmpty, jsonIn, type Message, type Part, paired, toConversation } from "./conversation";
import { aConversation, aMessage } from "./testing";

describe("toConversation", () => {
  it("names a tool's result after the call that it answers", () => {
    const call = { type: "tool_call", id: "c1", name: "get_weather", arguments: { city: "Oslo" } } as const;
    const { input } = toConversation(
      aConversation({
        input: [
          aMessage("assistant", call),
          aMessage("tool", { type: "tool_call_response", id: "c1", result: "rain" }),
          aMessage("tool", { type: "tool_call_response", id: "c9", result: "?" }),
        ],
      }),
    );
    expect(input[1]?.parts[0]).toEqual({ type: "tool_result", id: "c1", name: "get_weather", result: "rain" });
    expect(input[2]?.parts[0]).toMatchObject({ name: null });
  });

  it("describes media that were not kept", () => {
    const image = { type: "image", media_type: "image/png", size: 48_213, digest: "sha256:9f" } as const;
    const { output } = toConversation(aConversation({ output: [aMessage("assistant", image)] }));
    expect(output[0]?.parts[0]).toEqual({
      type: "media",
      media: "image",
      uri: null,
      description: "image/png · 48,213 bytes · sha256:9f",
    });
  });

  it("is empty without messages", () => {
    expect(isEmpty(toConversation(aConversation()))).toBe(true);
    expect(isEmpty(toConversation(aConversation({ output: [aMessage("assistant")] })))).toBe(false);
  });
});

describe("paired", () => {
  const call = { type: "tool_call" as const, id: "c1", name: "get_weather", arguments: {} };
  const result = { type: "tool_result" as const, id: "c1", name: "get_weather", result: "rain" };
  const said = (role: string, ...parts: Part[]): Message => ({ role, name: null, finishReason: null, parts });

  it("puts a result into its call, and leaves out the message that held nothing else", () => {
    const text = { type: "text" as const, text: "And?" };
    expect(paired([said("assistant", call), said("tool", result), said("user", text)])).toEqual([
      said("assistant", { ...call, answer: result }),
      said("user", text),
    ]);
    expect(paired([said("assistant", call), said("user", result, text)])[1]).toEqual(said("user", text));
  });

  it("keeps a result whose call is not there, a second one of a call, and empty messages", () => {
    const messages = [
      said("tool", result),
      said("assistant", call),
      said("tool", result),
      said("tool", result),
      said("user"),
    ];
    expect(paired(messages).map(({ role }) => role)).toEqual(["tool", "assistant", "tool", "user"]);
  });
});

describe("jsonIn", () => {
  it.each([
    [' {"a": 1}', { a: 1 }],
    ["[1, 2]", [1, 2]],
    ["{not json}", undefined],
    ["12", undefined],
    ["plain", undefined],
  ])("of %j", (text, value) => {
    expect(jsonIn(text)).toEqual(value);
  });
});
