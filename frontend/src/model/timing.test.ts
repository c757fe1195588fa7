import { describe, expect, it } from "vitest";
import type { SpanDetail } from "./span";
import { aSpan } from "./testing";
import { phasesOf, selfTimeNs } from "./timing";
import { buildTree } from "./tree";

const MS = 1e6;

function detail(attributes: Record<string, unknown>): SpanDetail {
  return { attributes } as SpanDetail;
}

describe("phasesOf", () => {
  const span = aSpan({ id: "a", durationNs: 1000 * MS, firstTokenNs: 300 * MS });

  it("are those that the server states", () => {
    const stated = { "gen_ai.latency.time_in_queue": 0.1, "gen_ai.latency.time_in_model_decode": 0.5 };
    expect(phasesOf(span, detail(stated))).toEqual([
      { name: "Queue", startNs: 0, durationNs: 100 * MS },
      { name: "Decode", startNs: 100 * MS, durationNs: 500 * MS },
    ]);
  });

  it("are the wait for the first token, less the queue, and the generation", () => {
    expect(phasesOf(span, detail({ "gen_ai.latency.time_in_queue": 0.1 }))).toEqual([
      { name: "Queue", startNs: 0, durationNs: 100 * MS },
      { name: "Until first token", startNs: 100 * MS, durationNs: 200 * MS },
      { name: "Generation", startNs: 300 * MS, durationNs: 700 * MS },
    ]);
  });

  it("are none where nobody knows", () => {
    expect(phasesOf(aSpan({ id: "a" }), detail({ "gen_ai.latency.time_in_queue": "soon" }))).toEqual([]);
  });
});

describe("selfTimeNs", () => {
  it("is what no child covers, overlaps counted once and what outlives the span not at all", () => {
    const tree = buildTree([
      aSpan({ id: "root", durationNs: 100 }),
      aSpan({ id: "b", parentId: "root", offsetNs: 10, durationNs: 30 }),
      aSpan({ id: "grandchild", parentId: "b", offsetNs: 10, durationNs: 90 }),
      aSpan({ id: "c", parentId: "root", offsetNs: 20, durationNs: 30 }),
      aSpan({ id: "d", parentId: "root", offsetNs: 90, durationNs: 50 }),
    ]);
    expect(selfTimeNs(tree, 0)).toBe(100 - 40 - 10);
  });
});
