import { expect, it } from "vitest";
import { toCsv } from "./csv";

it("quotes what would end a cell or a row", () => {
  expect(
    toCsv([
      ["a", 'say "hi"', "x,y", "two\nlines"],
      [1.5, null, undefined, 0],
    ]),
  ).toBe('a,"say ""hi""","x,y","two\nlines"\r\n1.5,,,0\r\n');
});

it("lets no value be a formula", () => {
  expect(toCsv([["=1+1", "-x", -1]])).toBe("'=1+1,'-x,-1\r\n");
});
