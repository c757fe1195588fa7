import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, renderHook } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterEach, expect, it } from "vitest";
import { spanQuery, traceQuery } from "../../app/queries";
import type { Message } from "../../model/conversation";
import type { Span, SpanDetail } from "../../model/span";
import { aSpan, says } from "../../model/testing";
import type { Trace } from "../../model/trace";
import { useTurn } from "./useTurn";

afterEach(cleanup);

const TRACE = { project: "default", id: "t", startTime: "2026-05-04T12:00:00Z", durationNs: 1e9 } as Trace;

/** What the page makes of a turn of these spans, each with what it was asked and answered. */
function turnOf(...spans: [Span, asked: Message[], answered: Message[]][]) {
  const client = new QueryClient();
  client.setQueryData(traceQuery("default", "t").queryKey, {
    trace: TRACE,
    spans: spans.map(([span]) => span),
    scores: [],
  });
  for (const [{ id }, input, output] of spans) {
    const detail = { conversation: { input, output, tools: [] } } as Partial<SpanDetail> as SpanDetail;
    client.setQueryData(spanQuery("default", "t", id).queryKey, detail);
  }
  const wrapper = ({ children }: { children: ReactNode }) => (
    <QueryClientProvider client={client}>{children}</QueryClientProvider>
  );
  return renderHook(() => useTurn(TRACE), { wrapper }).result.current;
}

it("lets the root speak when it says something", () => {
  const turn = turnOf(
    [aSpan({ id: "root" }), [says("user", "Rain?")], [says("assistant", "Yes.")]],
    [aSpan({ id: "chat", parentId: "root", type: "generation" }), [says("user", "Inner")], []],
  );
  expect(turn).toMatchObject({ asked: [says("user", "Rain?")], answered: [says("assistant", "Yes.")] });
  expect(turn).toMatchObject({ isLoading: false, error: null, failure: undefined, tools: [] });
});

it("asks the first generation and hears the last where the root is silent", () => {
  const turn = turnOf(
    [aSpan({ id: "root", status: "error" }), [], []],
    [aSpan({ id: "plan", parentId: "root", type: "generation" }), [says("user", "Rain?")], []],
    [aSpan({ id: "look", parentId: "root", type: "tool", status: "error" }), [], []],
    [aSpan({ id: "tell", parentId: "root", type: "generation" }), [says("tool", "0.7")], [says("assistant", "Yes.")]],
  );
  expect(turn.asked).toEqual([says("user", "Rain?")]);
  expect(turn.answered).toEqual([says("assistant", "Yes.")]);
  expect(turn.tools).toEqual([{ name: "look", count: 1, errorCount: 1 }]);
  expect(turn.failure?.id).toBe("look");
});
