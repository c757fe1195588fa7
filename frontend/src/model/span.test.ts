import { expect, it } from "vitest";
import type { Wire } from "../api/client";
import { toSpanDetail, toSpanPage } from "./span";
import { aConversation } from "./testing";

const WIRE: Wire["SpanDetail"] = {
  trace_id: "0af7651916cd43dd8448eb211c80319c",
  span: {
    span_id: "b7ad6b7169203331",
    parent_span_id: null,
    name: "chat gpt-4o",
    kind: "client",
    observation_type: "generation",
    service: "app",
    start_time: "2026-05-04T12:00:00.000000Z",
    duration_ns: 1,
    status: "error",
    status_message: "",
    provider: "openai",
    model: "gpt-4o",
    response_model: null,
    input_tokens: null,
    output_tokens: null,
    cache_read_tokens: null,
    cache_write_tokens: null,
    reasoning_tokens: null,
    cost: null,
    time_to_first_token_ns: null,
    error_type: "timeout",
  },
  price_source: "genai-prices",
  scope: "openai",
  scope_version: "1.2",
  input_cost: "0.000125",
  output_cost: null,
  tokens_per_second: null,
  finish_reasons: [],
  http_status: 429,
  user_id: "ada",
  session_id: null,
  tags: ["a", "b"],
  environment: null,
  release: null,
  prompt_name: "answer",
  prompt_version: "7",
  attributes: {},
  resource_attributes: {},
  scores: [],
  events: [
    {
      name: "exception",
      time_unix_nano: 1_777_896_000_123_000_000,
      attributes: { "exception.type": "RateLimitError", "exception.message": "slow down" },
    },
    { name: "retry", attributes: {} },
  ],
  links: [{ trace_id: "t", span_id: "s", trace_state: "", attributes: {} }],
  conversation: aConversation(),
  raw_content: {},
};

it("reads a span's facts, events and exceptions", () => {
  const detail = toSpanDetail(WIRE);
  expect(detail).toMatchObject({ scope: "openai 1.2", inputCost: 0.000125, outputCost: null, httpStatus: 429 });
  expect(detail.facts).toEqual([
    ["User", "ada"],
    ["Prompt", "answer 7"],
    ["Price from", "genai-prices"],
    ["Tags", "a, b"],
  ]);
  expect(detail.events.map(({ name, time }) => [name, time])).toEqual([
    ["exception", "2026-05-04T12:00:00.123Z"],
    ["retry", null],
  ]);
  expect(detail.exceptions).toEqual([{ type: "RateLimitError", message: "slow down", stacktrace: null }]);
  expect(detail.links).toEqual([{ traceId: "t", spanId: "s", attributes: {} }]);
});

it("says when tokens are an estimate", () => {
  const { facts } = toSpanDetail({ ...WIRE, attributes: { "llmflow.usage.estimated": true } });
  expect(facts).toContainEqual(["Tokens", "estimated, the provider stated none"]);
});

it("says of a span without a name that it has none", () => {
  const { span, trace_id, user_id } = WIRE;
  const row = { ...span, name: "", trace_id, user_id } as Wire["SpanPage"]["spans"][number];
  expect(toSpanPage({ spans: [row], next_cursor: null }, "demo").rows[0]?.name).toBe("unnamed");
});
