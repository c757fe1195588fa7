import { describe, expect, it } from "vitest";
import {
  compareFacts,
  compareSteps,
  differingAttributes,
  parseCompareSearch,
  placeIn,
  type Side,
  transcript,
} from "./compare";
import type { SpanDetail } from "./span";
import { aSpan, spansOf } from "./testing";
import type { Trace } from "./trace";
import { buildTree } from "./tree";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

it.each([
  [TRACE, { traceId: TRACE, spanId: null }],
  [` ${TRACE.toUpperCase()}:${SPAN}\n`, { traceId: TRACE, spanId: SPAN }],
  [`https://llmflow.example/traces/${TRACE}?project=demo&span=${SPAN}`, { traceId: TRACE, spanId: SPAN }],
  [`http://127.0.0.1:3000/traces/${TRACE}`, { traceId: TRACE, spanId: null }],
  [SPAN, null],
  ["a trace", null],
])("placeIn %j", (text, place) => {
  expect(placeIn(text)).toEqual(place);
});

it("drops sides that are no ids", () => {
  expect(parseCompareSearch({ a: TRACE, b: `${TRACE}:${SPAN}`, c: "x" })).toEqual({ a: TRACE, b: `${TRACE}:${SPAN}` });
  expect(parseCompareSearch({ a: "../login", b: 3 })).toEqual({});
});

describe("compareFacts", () => {
  const detail = { httpStatus: null, tokensPerSecond: null, finishReasons: ["stop"] } as unknown as SpanDetail;
  const side = (given: Parameters<typeof aSpan>[0]): Side => ({
    trace: { userId: null } as Trace,
    tree: buildTree([]),
    span: aSpan(given),
    detail,
  });
  const fact = (name: string, a: Side, b: Side) => compareFacts(a, b).find((row) => row.name === name);

  it("tells how far numbers are apart", () => {
    const [a, b] = [
      side({ id: "a", durationNs: 1e9, outputTokens: 40 }),
      side({ id: "b", durationNs: 1.5e9, outputTokens: 30 }),
    ];
    expect(fact("Duration", a, b)).toMatchObject({ a: "1.00 s", b: "1.50 s", change: "+500 ms (+50 %)" });
    expect(fact("Output tokens", a, b)).toMatchObject({ change: "−10 (−25 %)" });
    expect(fact("Finished", a, b)).toMatchObject({ a: "stop", change: "" });
  });

  it("has what only one side has", () => {
    expect(fact("Cost", side({ id: "a" }), side({ id: "b", cost: 12.5 }))).toEqual({
      name: "Cost",
      a: "–",
      b: "$12.50",
      change: "",
    });
  });
});

it("adds up steps by name", () => {
  const a = buildTree(spansOf("root", "call<root", "call<root"));
  const b = buildTree(spansOf("root", "call<root", "other<root"));
  expect(compareSteps(a, b).map(({ name, a, b }) => [name, a.count, b.count])).toEqual([
    ["call", 2, 1],
    ["other", 0, 1],
    ["root", 1, 1],
  ]);
});

it("writes messages down by role", () => {
  const messages = [
    { role: "user", name: null, finishReason: null, parts: [{ type: "text" as const, text: "Rain?" }] },
    {
      role: "assistant",
      name: null,
      finishReason: null,
      parts: [{ type: "tool_call" as const, id: "1", name: "weather", arguments: { city: "Oslo" } }],
    },
  ];
  expect(transcript(messages)).toBe('[user]\nRain?\n\n[assistant]\ncalls weather {\n  "city": "Oslo"\n}');
});

it("finds the attributes that differ", () => {
  const detail = (attributes: Record<string, unknown>) =>
    ({ attributes, resourceAttributes: { host: "a" } }) as unknown as SpanDetail;
  expect(differingAttributes(detail({ t: 0.2, same: [1] }), detail({ t: 0.7, same: [1], n: "x" }))).toEqual([
    { name: "n", a: undefined, b: "x" },
    { name: "t", a: "0.2", b: "0.7" },
  ]);
});
