import { expect, it } from "vitest";
import { criticalPath, found, nextOf } from "./emphasis";
import { aSpan } from "./testing";
import { buildTree } from "./tree";

const span = (id: string, parentId: string | null, offsetNs: number, end: number) =>
  aSpan({ id, parentId, offsetNs, durationNs: end - offsetNs });

it("follows what ended last, backwards", () => {
  const tree = buildTree([
    span("root", null, 0, 100),
    span("early", "root", 0, 30),
    span("parallel", "root", 30, 60),
    span("late", "root", 35, 95),
    span("inner", "late", 40, 90),
  ]);
  expect(criticalPath(tree)).toEqual(new Set(["root", "late", "inner", "early"]));
});

it("counts what outlives its parent until the parent's end", () => {
  const tree = buildTree([span("root", null, 0, 50), span("long", "root", 10, 200), span("before", "root", 0, 10)]);
  expect(criticalPath(tree)).toEqual(new Set(["root", "long", "before"]));
});

it("is quick for ten thousand siblings and for a chain of them", () => {
  const flat = Array.from({ length: 10_000 }, (_, at) => span(`s${at}`, at === 0 ? null : "s0", at, at + 1));
  expect(criticalPath(buildTree([span("s0", null, 0, 10_000), ...flat.slice(1)])).size).toBe(10_000);
  const deep = Array.from({ length: 10_000 }, (_, at) => span(`s${at}`, at === 0 ? null : `s${at - 1}`, at, 20_000));
  expect(criticalPath(buildTree(deep)).size).toBe(10_000);
});

it("finds spans by what they are called", () => {
  const tree = buildTree([
    aSpan({ id: "a", name: "Answer", model: "gpt-4o" }),
    aSpan({ id: "b", errorType: "RateLimit" }),
    aSpan({ id: "c" }),
  ]);
  expect(found(tree, " GPT ")).toEqual(new Set(["a"]));
  expect(found(tree, "ratelimit")).toEqual(new Set(["b"]));
  expect(found(tree, "  ")).toBeNull();
});

it("goes round the spans found", () => {
  const tree = buildTree([aSpan({ id: "a" }), aSpan({ id: "b" }), aSpan({ id: "c" })]);
  const wanted = new Set(["a", "c"]);
  expect(nextOf(tree, wanted, "a")).toBe("c");
  expect(nextOf(tree, wanted, "c")).toBe("a");
  expect(nextOf(tree, new Set(), "c")).toBeNull();
});
