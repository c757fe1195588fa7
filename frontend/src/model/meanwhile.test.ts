import { expect, it } from "vitest";
import { meanwhileOf } from "./meanwhile";

it("tells what has become of something since it was begun", () => {
  const [first, second] = [{ version: "1" }, { version: "2" }];
  expect(meanwhileOf(null, null)).toBeNull();
  expect(meanwhileOf(first, { version: "1" })).toBeNull();
  expect(meanwhileOf(first, second)).toBe("changed");
  expect(meanwhileOf(first, null)).toBe("gone");
  expect(meanwhileOf(null, first)).toBe("taken");
});
