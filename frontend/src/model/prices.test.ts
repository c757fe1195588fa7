import { expect, it } from "vitest";
import { draftFor, draftOf, NO_PRICE, parsePriceSearch, priceOf, rateOf } from "./prices";

it("begins a price that matches one model alone", () => {
  expect(draftFor("house/model-1.5", "vllm")).toMatchObject({
    name: "house-model-1.5",
    model: "house/model-1\\.5",
    provider: "vllm",
    input: "",
  });
  expect(draftFor("ünbekannt", null)).toMatchObject({ name: "nbekannt", provider: "" });
});

it("sends what is given and leaves out what is empty", () => {
  const draft = { ...NO_PRICE, name: "house", model: " house-.* ", input: "2.50", output: "10", from: "2026-01-01" };
  const price = priceOf(draft);
  expect(price).toMatchObject({ model: "house-.*", input: "2.50", output: "10", provider: null, reasoning: null });
  expect([price.from, price.to]).toEqual(["2026-01-01T00:00:00Z", null]);
  expect(draftOf({ name: "house", price })).toEqual({ ...draft, model: "house-.*" });
});

it.each([
  ["2026-01-01T00:00:00Z", "2026-01-01", "2026-01-01T00:00:00Z"],
  ["2026-01-01T10:30:00Z", "2026-01-01T10:30", "2026-01-01T10:30:00.000Z"],
  ["2026-01-01T01:30:15.25+02:00", "2025-12-31T23:30:15.250", "2025-12-31T23:30:15.250Z"],
])("keeps the time of day at which a price begins: %s", (from, written, sent) => {
  const price = priceOf({ ...NO_PRICE, name: "house", model: "m", input: "1", output: "2" });
  const draft = draftOf({ name: "house", price: { ...price, from } });
  expect(draft.from).toBe(written);
  expect(priceOf(draft).from).toBe(sent);
});

it("takes a time as an input of the page has it, without its seconds", () => {
  expect(priceOf({ ...NO_PRICE, to: "2026-01-01T10:30" }).to).toBe("2026-01-01T10:30:00.000Z");
});

it("reads rates by the names of either source", () => {
  expect(rateOf({ source: "genai-prices", rates: { input_mtok: "2.5" } }, "input")).toBe("$2.50");
  expect(rateOf({ source: "own:house", rates: { cached_input: "0.05" } }, "cached")).toBe("$0.05");
  expect(rateOf({ source: "genai-prices", rates: { input_mtok: "2.5 (5 above 200000 tokens)" } }, "input")).toBe(
    "$2.50 +",
  );
  expect(rateOf(null, "output")).toBe("–");
});

it("keeps of a URL what it knows", () => {
  expect(
    parsePriceSearch({ model: "m", provider: "p", change: "c", range: "30d", order: "cost", filter: "x" }),
  ).toEqual({
    model: "m",
    provider: "p",
    change: "c",
    range: "30d",
  });
});
