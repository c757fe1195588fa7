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
  expect(draftOf({ name: "house", origin: "api", price })).toEqual({ ...draft, model: "house-.*" });
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
  expect(parsePriceSearch({ model: "m", provider: "p", range: "30d", order: "cost", filter: "x" })).toEqual({
    model: "m",
    provider: "p",
    range: "30d",
  });
});
