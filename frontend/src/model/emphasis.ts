import type { SpanNode, SpanTree } from "./tree";

/** The nodes whose span's name, model, service, type or error holds the text, whatever its case; null without one. */
export function found(tree: SpanTree, text: string | undefined): ReadonlySet<string> | null {
  const needle = text?.trim().toLowerCase();
  if (!needle) return null;
  const holds = ({ span }: SpanNode) =>
    [span.name, span.model, span.service, span.type, span.errorType, span.statusMessage, span.id].some((value) =>
      value?.toLowerCase().includes(needle),
    );
  return new Set(tree.nodes.filter(holds).map((node) => node.key));
}

/** The next node after `from` that is emphasised, from the first again after the last. */
export function nextOf(tree: SpanTree, emphasis: ReadonlySet<string>, from: string | null): string | null {
  const at = (tree.indexOf.get(from ?? "") ?? -1) + 1;
  const around = [...tree.nodes.slice(at), ...tree.nodes.slice(0, at)];
  return around.find((node) => emphasis.has(node.key))?.key ?? null;
}

/**
 * The nodes that the trace's duration depends on: from the end backwards, always the child that ended last before what
 * followed it began. Of what runs in parallel only the last to end is on it; what outlives its parent counts until the
 * parent's end.
 */
export function criticalPath(tree: SpanTree): ReadonlySet<string> {
  const children = new Map<number | null, number[]>();
  for (const [index, { parent }] of tree.nodes.entries()) {
    const siblings = children.get(parent);
    if (siblings) siblings.push(index);
    else children.set(parent, [index]);
  }
  const spanAt = (index: number) => (tree.nodes[index] as SpanNode).span;
  const endOf = (index: number) => spanAt(index).offsetNs + spanAt(index).durationNs;
  const path = new Set<string>();
  const waiting: { parent: number | null; until: number }[] = [{ parent: null, until: tree.durationNs }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { until } = next;
    const last = (index: number) => Math.min(endOf(index), until);
    let free = until;
    for (const index of (children.get(next.parent) ?? []).toSorted((a, b) => last(b) - last(a))) {
      const { offsetNs } = spanAt(index);
      if (last(index) > free || offsetNs >= free) continue;
      path.add((tree.nodes[index] as SpanNode).key);
      waiting.push({ parent: index, until: last(index) });
      free = offsetNs;
    }
  }
  return path;
}
