import { expect, it } from "vitest";
import { nameProblem } from "./names";

it("knows the names that the API takes", () => {
  for (const name of ["", "team-search", " 7_a ", "a".repeat(63)]) expect(nameProblem(name)).toBeNull();
  for (const name of ["Team", "team search", "-a", "über", "../a", "a".repeat(64)])
    expect(nameProblem(name)).not.toBeNull();
});
