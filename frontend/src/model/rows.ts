import { isFailed, type SpanNode, type SpanTree } from "./tree";

/** What the user did to the tree. */
export interface TreeState {
  selected: string | null;
  collapsed: ReadonlySet<string>;
}

export type TreeMove = "next" | "previous" | "first" | "last" | "in" | "out" | "next-error";

/** The nodes that are on show, in order: everything but what lies below a collapsed node. */
export function visibleRows(tree: SpanTree, collapsed: ReadonlySet<string>): SpanNode[] {
  if (collapsed.size === 0) return tree.nodes;
  const rows: SpanNode[] = [];
  for (let i = 0; i < tree.nodes.length; i++) {
    const node = tree.nodes[i] as SpanNode;
    rows.push(node);
    if (collapsed.has(node.key)) i += node.descendants;
  }
  return rows;
}

export function toggle(state: TreeState, key: string): TreeState {
  const collapsed = new Set(state.collapsed);
  if (!collapsed.delete(key)) collapsed.add(key);
  return { ...state, collapsed };
}

export function collapseAll(tree: SpanTree, state: TreeState): TreeState {
  const collapsed = new Set(tree.nodes.filter((node) => node.childCount > 0).map((node) => node.key));
  const selected = tree.indexOf.get(state.selected ?? "");
  if (selected === undefined) return { ...state, collapsed };
  return { collapsed, selected: ancestors(tree, selected).at(-1)?.key ?? state.selected };
}

/** Selects a span and opens what hides it. */
export function reveal(tree: SpanTree, state: TreeState, key: string): TreeState {
  const index = tree.indexOf.get(key);
  if (index === undefined) return state;
  const hiding = ancestors(tree, index).filter((node) => state.collapsed.has(node.key));
  if (hiding.length === 0) return { ...state, selected: key };
  const collapsed = new Set(state.collapsed);
  for (const node of hiding) collapsed.delete(node.key);
  return { selected: key, collapsed };
}

/**
 * The state after a keyboard move, as the WAI-ARIA tree pattern has it: `in` opens a closed node, else goes to its
 * first child; `out` closes an open node, else goes to its parent. At an end nothing changes.
 */
export function move(tree: SpanTree, state: TreeState, how: TreeMove): TreeState {
  const rows = visibleRows(tree, state.collapsed);
  const at = rows.findIndex((node) => node.key === state.selected);
  const node = rows[at];
  const select = (row: SpanNode | undefined) => (row ? { ...state, selected: row.key } : state);
  if (how === "last") return select(rows.at(-1));
  if (how === "next-error") return nextError(tree, state);
  if (how === "first" || !node) return select(rows[0]);
  const open = node.childCount > 0 && !state.collapsed.has(node.key);
  switch (how) {
    case "next":
      return select(rows[at + 1]);
    case "previous":
      return select(rows[at - 1]);
    case "in":
      if (node.childCount === 0) return state;
      return open ? select(rows[at + 1]) : toggle(state, node.key);
    case "out":
      if (open) return toggle(state, node.key);
      return node.parent === null ? state : select(tree.nodes[node.parent]);
  }
}

function nextError(tree: SpanTree, state: TreeState): TreeState {
  const from = (tree.indexOf.get(state.selected ?? "") ?? -1) + 1;
  const found =
    tree.nodes.slice(from).find((node) => isFailed(node.span)) ?? tree.nodes.find((node) => isFailed(node.span));
  return found ? reveal(tree, state, found.key) : state;
}

/** From the parent up to the root. */
function ancestors(tree: SpanTree, index: number): SpanNode[] {
  const found: SpanNode[] = [];
  for (let parent = tree.nodes[index]?.parent ?? null; parent !== null; ) {
    const node = tree.nodes[parent] as SpanNode;
    found.push(node);
    parent = node.parent;
  }
  return found;
}
