import { expect, it } from "vitest";
import { codeOf, PAGE_CODE } from "./pageCode";

it("knows the code of every page by its address", () => {
  for (const path of Object.keys(PAGE_CODE)) {
    expect(codeOf(path.replace(/\$\w+/, "0af7"))).toBe(PAGE_CODE[path as keyof typeof PAGE_CODE]);
  }
  expect(codeOf("/nowhere")).toBeUndefined();
  expect(codeOf("/settings/nowhere")).toBeUndefined();
});
