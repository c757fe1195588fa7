import { expect, it } from "vitest";
import type { Message } from "./conversation";
import { aSpan, says } from "./testing";
import { gapNs, newInput, speakersOf, toolsOf } from "./turns";

const textsOf = (messages: Message[]) => messages.map(({ parts: [part] }) => part?.type === "text" && part.text);

it("takes the root, the first generation and the last that did not fail as the speakers", () => {
  const [root, first, second, failed] = [
    aSpan({ id: "root" }),
    aSpan({ id: "first", parentId: "root", type: "generation" }),
    aSpan({ id: "second", parentId: "root", type: "generation" }),
    aSpan({ id: "failed", parentId: "root", type: "generation", status: "error" }),
  ];
  expect(speakersOf([first, root, second, failed])).toEqual({ lead: root, asked: first, answered: second });
  expect(speakersOf([failed])).toEqual({ lead: failed, asked: failed, answered: failed });
  expect(speakersOf([])).toEqual({ lead: undefined, asked: undefined, answered: undefined });
});

it("leaves out what turns before have said, and standing instructions", () => {
  const before = [says("system", "Be brief."), says("user", "Hello"), says("assistant", "Hi!")];
  expect(textsOf(newInput({ input: [...before, says("user", "Rain?"), says("user", "In Oslo")] }))).toEqual([
    "Rain?",
    "In Oslo",
  ]);
  expect(textsOf(newInput({ input: [...before, says("tool", "0.7")] }))).toEqual(["0.7"]);
  expect(textsOf(newInput({ input: [says("system", "Be brief."), says("input", "{}")] }))).toEqual(["{}"]);
});

it("shows the last question where the answer's beginning was given", () => {
  const input = [says("user", "Hello"), says("assistant", "Hi!"), says("user", "A list"), says("assistant", "- ")];
  expect(textsOf(newInput({ input }))).toEqual(["A list"]);
  expect(newInput({ input: [] })).toEqual([]);
});

it("counts each tool's calls and failures", () => {
  const tool = (name: string, status = "ok") => aSpan({ id: `${name}-${status}`, name, status, type: "tool" });
  const spans = [tool("search"), aSpan({ id: "chat", type: "generation" }), tool("read"), tool("search", "error")];
  expect(toolsOf(spans)).toEqual([
    { name: "search", count: 2, errorCount: 1 },
    { name: "read", count: 1, errorCount: 0 },
  ]);
});

it("tells the time between turns, negative for those that overlap", () => {
  const minute = { startTime: "2026-05-04T12:01:00Z", durationNs: 1e9 };
  expect(gapNs({ startTime: "2026-05-04T12:00:00Z", durationNs: 2e9 }, minute)).toBe(58e9);
  expect(gapNs({ startTime: "2026-05-04T12:00:00Z", durationNs: 61e9 }, minute)).toBe(-1e9);
});
