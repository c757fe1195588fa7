import type { Span, SpanDetail } from "./span";
import type { SpanNode, SpanTree } from "./tree";

/** A part of a span's time, in nanoseconds from the span's start. */
export interface Phase {
  name: string;
  startNs: number;
  durationNs: number;
}

const SECONDS = 1e9;

/** The phases that a server states of a request, in the order in which it goes through them. */
const STATED = [
  ["Queue", "gen_ai.latency.time_in_queue"],
  ["Prefill", "gen_ai.latency.time_in_model_prefill"],
  ["Decode", "gen_ai.latency.time_in_model_decode"],
] as const;

/** The phases of a span that the server states, or else the wait for the first token and the generation after it. */
export function phasesOf(span: Span, detail: SpanDetail): Phase[] {
  const phases: Phase[] = [];
  let startNs = 0;
  for (const [name, attribute] of STATED) {
    const seconds = detail.attributes[attribute];
    if (typeof seconds !== "number" || seconds < 0) continue;
    phases.push({ name, startNs, durationNs: seconds * SECONDS });
    startNs += seconds * SECONDS;
  }
  if (phases.length > 1 || span.firstTokenNs === null) return phases;
  const queued = phases[0]?.durationNs ?? 0;
  const first = Math.max(queued, span.firstTokenNs);
  return [
    ...phases,
    { name: "Until first token", startNs: queued, durationNs: first - queued },
    { name: "Generation", startNs: first, durationNs: Math.max(0, span.durationNs - first) },
  ];
}

/** How much of a span's time none of its children covers, in nanoseconds. */
export function selfTimeNs(tree: SpanTree, index: number): number {
  const { span, descendants } = tree.nodes[index] as SpanNode;
  const end = span.offsetNs + span.durationNs;
  const below = tree.nodes.slice(index + 1, index + 1 + descendants);
  const times = below
    .filter((node) => node.parent === index)
    .map((node) => [node.span.offsetNs, node.span.offsetNs + node.span.durationNs] as const)
    .sort(([a], [b]) => a - b);
  let covered = 0;
  let until = span.offsetNs;
  for (const [from, to] of times) {
    const begin = Math.max(from, until);
    const finish = Math.min(to, end);
    if (finish > begin) {
      covered += finish - begin;
      until = finish;
    }
  }
  return span.durationNs - covered;
}
