import type { Span } from "./span";

/** One span in its place. Nodes are kept in the order in which the tree is read, so a subtree is a contiguous run. */
export interface SpanNode {
  /** Unique in the tree: the span's id, with a suffix when an id occurs twice. */
  key: string;
  span: Span;
  /** Index of the parent's node, null for a root. */
  parent: number | null;
  depth: number;
  /** The span names a parent that this trace does not have (yet). */
  orphan: boolean;
  /** How many nodes follow in this one's subtree. */
  descendants: number;
  childCount: number;
  position: number;
  siblingCount: number;
  /** Failed spans below this one. */
  errorsBelow: number;
}

export interface SpanTree {
  nodes: SpanNode[];
  indexOf: ReadonlyMap<string, number>;
  /** Nanoseconds from the start of the trace to the last end of a span. */
  durationNs: number;
}

/**
 * Arranges spans, given in order of start, into a forest.
 *
 * Nothing is ever left out: a span whose parent is missing becomes a root marked `orphan`, and so does the earliest
 * span of a cycle.
 */
export function buildTree(spans: readonly Span[]): SpanTree {
  const places = new Map<string, number>();
  const keys = spans.map((span, place) => {
    const first = places.get(span.id);
    if (first === undefined) places.set(span.id, place);
    return first === undefined ? span.id : `${span.id}#${place}`;
  });
  const parentPlaces = spans.map((span) => (span.parentId === null ? undefined : places.get(span.parentId)));
  const children = new Map<number | undefined, number[]>();
  for (const [place, parent] of parentPlaces.entries()) {
    const siblings = children.get(parent);
    if (siblings) siblings.push(place);
    else children.set(parent, [place]);
  }

  const nodes: SpanNode[] = [];
  const seen = new Set<number>();
  const readFrom = (roots: readonly number[]) => {
    const stack: { place: number; parent: number | null; position: number; siblings: number }[] = [];
    const push = (group: readonly number[], parent: number | null) => {
      for (let i = group.length - 1; i >= 0; i--) {
        stack.push({ place: group[i] as number, parent, position: i + 1, siblings: group.length });
      }
    };
    push(roots, null);
    for (let next = stack.pop(); next; next = stack.pop()) {
      if (seen.has(next.place)) continue;
      seen.add(next.place);
      const span = spans[next.place] as Span;
      const below = (children.get(next.place) ?? []).filter((child) => !seen.has(child));
      nodes.push({
        key: keys[next.place] as string,
        span,
        parent: next.parent,
        depth: next.parent === null ? 0 : (nodes[next.parent] as SpanNode).depth + 1,
        orphan: next.parent === null && span.parentId !== null,
        descendants: 0,
        childCount: below.length,
        position: next.position,
        siblingCount: next.siblings,
        errorsBelow: 0,
      });
      push(below, nodes.length - 1);
    }
  };
  readFrom(children.get(undefined) ?? []);
  for (let place = 0; place < spans.length; place++) if (!seen.has(place)) readFrom([place]);

  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i] as SpanNode;
    if (node.parent === null) continue;
    const parent = nodes[node.parent] as SpanNode;
    parent.descendants += node.descendants + 1;
    parent.errorsBelow += node.errorsBelow + (isFailed(node.span) ? 1 : 0);
  }
  const durationNs = spans.reduce((end, span) => Math.max(end, span.offsetNs + span.durationNs), 0);
  return { nodes, indexOf: new Map(nodes.map((node, index) => [node.key, index])), durationNs };
}

export function isFailed(span: Span): boolean {
  return span.status === "error";
}

/** The first failed span none of whose children failed, which is where a failure began; undefined without a failed one. */
export function firstFailure(spans: readonly Span[]): Span | undefined {
  const failed = spans.filter(isFailed);
  const passedOn = new Set(failed.map((span) => span.parentId));
  return failed.find((span) => !passedOn.has(span.id)) ?? failed[0];
}
