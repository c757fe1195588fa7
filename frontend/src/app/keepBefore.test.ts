import { expect, it } from "vitest";
import { keepBefore } from "./keepBefore";

const KEY = ["analytics", { project: "demo", range: "7d" }, { metric: "cost", groupBy: "user" }];
const keep = keepBefore(KEY);

it("keeps the answer of another time, filter or order", () => {
  const before = {
    queryKey: ["analytics", { project: "demo", filter: "status:error" }, { groupBy: "user", metric: "cost" }],
  };
  expect(keep("answer", before)).toBe("answer");
});

it("keeps no answer of another project, or to another question", () => {
  expect(keep("answer", { queryKey: [KEY[0], { project: "other", range: "7d" }, KEY[2]] })).toBeUndefined();
  expect(keep("answer", { queryKey: [KEY[0], KEY[1], { metric: "cost", groupBy: "model" }] })).toBeUndefined();
  expect(keep("answer", undefined)).toBeUndefined();
});
