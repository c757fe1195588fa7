import { describe, expect, it } from "vitest";
import { collapseAll, move, reveal, type TreeMove, type TreeState, toggle, visibleRows } from "./rows";
import { spansOf } from "./testing";
import { buildTree } from "./tree";

const tree = buildTree(spansOf("root", "a<root", "a1!<a", "a2<a", "b<root", "b1!<b", "other"));
const state = (selected: string | null, ...collapsed: string[]): TreeState => ({
  selected,
  collapsed: new Set(collapsed),
});
const shown = ({ collapsed }: TreeState) => visibleRows(tree, collapsed).map((node) => node.key);

describe("visibleRows", () => {
  it("shows everything at first", () => {
    expect(shown(state(null))).toEqual(["root", "a", "a1", "a2", "b", "b1", "other"]);
  });

  it("hides what is below a collapsed node, and only that", () => {
    expect(shown(state(null, "a"))).toEqual(["root", "a", "b", "b1", "other"]);
    expect(shown(state(null, "root", "a"))).toEqual(["root", "other"]);
  });
});

describe("move", () => {
  it.each<[TreeMove, string, string]>([
    ["next", "a", "a1"],
    ["next", "a2", "b"],
    ["next", "other", "other"],
    ["previous", "b", "a2"],
    ["previous", "root", "root"],
    ["first", "b1", "root"],
    ["last", "root", "other"],
    ["in", "a", "a1"],
    ["in", "a1", "a1"],
    ["out", "a1", "a"],
    ["out", "other", "other"],
    ["next-error", "root", "a1"],
    ["next-error", "a1", "b1"],
    ["next-error", "b1", "a1"],
  ])("%s from %s selects %s", (how, from, to) => {
    expect(move(tree, state(from), how).selected).toBe(to);
  });

  it("steps over what is collapsed", () => {
    expect(move(tree, state("a", "a"), "next").selected).toBe("b");
  });

  it("closes an open node on the way out, opens a closed one on the way in", () => {
    const closed = move(tree, state("a"), "out");
    expect(closed).toEqual(state("a", "a"));
    expect(move(tree, closed, "in")).toEqual(state("a"));
  });

  it("starts at the first row when nothing is selected", () => {
    expect(move(tree, state(null), "next").selected).toBe("root");
  });

  it("opens what hides the next error", () => {
    expect(move(tree, state("root", "root", "a"), "next-error")).toEqual(state("a1"));
  });
});

describe("reveal", () => {
  it("opens the ancestors and leaves the rest closed", () => {
    expect(reveal(tree, state("other", "root", "a", "b"), "a2")).toEqual(state("a2", "b"));
  });

  it("ignores a span that the tree does not have", () => {
    const before = state("a", "b");
    expect(reveal(tree, before, "gone")).toBe(before);
  });
});

describe("toggle and collapseAll", () => {
  it("toggles one node", () => {
    expect(toggle(toggle(state("a"), "a"), "a")).toEqual(state("a"));
  });

  it("collapses every node with children and keeps the selection in sight", () => {
    const collapsed = collapseAll(tree, state("a1"));
    expect(shown(collapsed)).toEqual(["root", "other"]);
    expect(collapsed.selected).toBe("root");
  });
});
