import { describe, expect, it } from "vitest";
import { allOf, condition, toggleValue, valuesOf, without, writingAt } from "./filterText";

it.each([
  ["gpt-4o", "model:gpt-4o"],
  ["", 'model:""'],
  ["two words", 'model:"two words"'],
  ['say "hi"', 'model:"say \\"hi\\""'],
  ["a,b", 'model:"a,b"'],
  ["gpt*", 'model:"gpt*"'],
  [">5", 'model:">5"'],
  ["a\u0085b", 'model:"a\u0085b"'],
])("writes a condition for exactly %j", (value, text) => {
  expect(condition("model", value)).toBe(text);
  expect(valuesOf(text, "model")).toEqual([value]);
});

it.each([
  ["", "model:a"],
  ["status:error", "status:error model:a"],
  ["model:b", "model:b,a"],
  ["model:a", ""],
  ["model:b,a status:error", "model:b status:error"],
  ['"two words" AND model:b', '"two words" model:b,a'],
  ["user:x OR user:y", "(user:x OR user:y) model:a"],
  ["NOT model:b", "NOT model:b model:a"],
  ["-model:b", "-model:b model:a"],
  ["(model:b OR model:c)", "(model:b OR model:c) model:a"],
  ["model:g*", "model:g* model:a"],
  ["user:WHYNOT model:b", "user:WHYNOT model:b,a"],
  ["NOT NOT user:x model:b", "NOT NOT user:x model:b,a"],
  ["NOT(user:x OR user:y) model:b", "NOT (user:x OR user:y) model:b,a"],
  ["-(user:x user:y) model:b", "-(user:x user:y) model:b,a"],
  ["(user:x (name:y (tag:z OR tag:w))) model:b", "(user:x (name:y (tag:z OR tag:w))) model:b,a"],
  ['(user:x (name:")" OR tag:w)) model:b', '(user:x (name:")" OR tag:w)) model:b,a'],
  ["(user:x)OR(user:y)", "((user:x)OR(user:y)) model:a"],
  ['user:"x","y z" model:"b",c', 'user:"x","y z" model:b,c,a'],
])("turns a value on or off: %j", (before, after) => {
  expect(toggleValue(before, "model", "a")).toBe(after);
});

it("takes the conditions on a field away", () => {
  expect(without('model:a,"b c" status:error', "model")).toBe("status:error");
});

it("joins filters, of which alternatives go into parentheses", () => {
  expect(allOf("user:x OR user:y", undefined, "status:error")).toBe("(user:x OR user:y) status:error");
  expect(allOf("user:x OR user:y", "")).toBe("user:x OR user:y");
});

describe("what is being written", () => {
  it.each([
    ["|", "field", ""],
    ["mo|", "field", "mo"],
    ["status:error mo|", "field", "mo"],
    ["-mo|", "field", "mo"],
    ["(mo|", "field", "mo"],
    ["model:|", "value", ""],
    ["model:gpt|", "value", "gpt"],
    ["model:gpt,cl|", "value", "cl"],
    ['model:"two wo|', "value", "two wo"],
    ["cost:>0.|", "value", "0."],
    ['"model:gpt|', "field", '"model:gpt'],
    ["attr.feature:ch|", "value", "ch"],
  ])("at %j", (marked, what, typed) => {
    const cursor = marked.indexOf("|");
    expect(writingAt(marked.replace("|", ""), cursor)).toMatchObject({ what, typed });
  });

  it.each([
    ['attr."my key":', "my key"],
    ['attr."a:b":x', "a:b"],
    ['attr."say \\"hi\\"":', 'say "hi"'],
    ["attr.a.b:x", "a.b"],
  ])("reads the key as the API does: %s", (text, key) => {
    expect(writingAt(text, text.length)).toMatchObject({ what: "value", field: "attr", key });
  });

  it("names field, key and place", () => {
    expect(writingAt("attr.feature:>=chat rest", 17)).toEqual({
      what: "value",
      field: "attr",
      key: "feature",
      ordering: true,
      from: 15,
      to: 19,
      typed: "ch",
    });
  });
});
