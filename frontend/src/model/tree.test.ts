import { describe, expect, it } from "vitest";
import type { Span } from "./span";
import { aSpan, spansOf } from "./testing";
import { buildTree, firstFailure } from "./tree";

const outline = (spans: Span[]) =>
  buildTree(spans).nodes.map((node) => `${"  ".repeat(node.depth)}${node.key}${node.orphan ? " (orphan)" : ""}`);

describe("buildTree", () => {
  it("reads a tree depth first, children in order of start", () => {
    expect(outline(spansOf("root", "a<root", "a1<a", "b<root", "a2<a"))).toEqual([
      "root",
      "  a",
      "    a1",
      "    a2",
      "  b",
    ]);
  });

  it("keeps several roots", () => {
    expect(outline(spansOf("one", "two", "in one<one"))).toEqual(["one", "  in one", "two"]);
  });

  it("shows spans whose parent is missing as roots, with what is below them", () => {
    expect(outline(spansOf("root", "lost<gone", "child<lost"))).toEqual(["root", "lost (orphan)", "  child"]);
  });

  it("places a child that started before its parent", () => {
    expect(outline(spansOf("child<root", "root"))).toEqual(["root", "  child"]);
  });

  it("loses no span to a cycle", () => {
    expect(outline(spansOf("root", "a<b", "b<a", "self<self"))).toEqual(["root", "a (orphan)", "  b", "self (orphan)"]);
  });

  it("keeps spans that share an id apart", () => {
    const tree = buildTree(spansOf("root", "twin<root", "twin<root"));
    expect(tree.nodes.map((node) => node.key)).toEqual(["root", "twin", "twin#2"]);
    expect(tree.indexOf.get("twin#2")).toBe(2);
  });

  it("counts what is below, and which of it failed", () => {
    const [root, a, a1] = buildTree(spansOf("root!", "a<root", "a1!<a", "b!<root")).nodes;
    expect(root).toMatchObject({ descendants: 3, childCount: 2, errorsBelow: 2 });
    expect(a).toMatchObject({ descendants: 1, childCount: 1, errorsBelow: 1, position: 1, siblingCount: 2 });
    expect(a1).toMatchObject({ descendants: 0, childCount: 0, errorsBelow: 0 });
  });

  it("lasts to the last end of a span", () => {
    const spans = [aSpan({ id: "root", durationNs: 5 }), aSpan({ id: "late", offsetNs: 4, durationNs: 9 })];
    expect(buildTree(spans).durationNs).toBe(13);
  });

  it("takes ten thousand levels", () => {
    const lines = Array.from({ length: 10_000 }, (_, level) => (level === 0 ? "0" : `${level}<${level - 1}`));
    const { nodes } = buildTree(spansOf(...lines));
    expect(nodes.at(-1)?.depth).toBe(9999);
    expect(nodes[0]?.descendants).toBe(9999);
  });

  it("is empty without spans", () => {
    expect(buildTree([])).toMatchObject({ nodes: [], durationNs: 0 });
  });
});

it("finds where a failure began", () => {
  expect(firstFailure(spansOf("root!", "ok<root", "tool!<root", "query!<tool", "late!<root"))?.id).toBe("query");
  expect(firstFailure(spansOf("root", "ok<root"))).toBeUndefined();
});
