import type { Wire } from "../api/client";
import { type ModelSearch, parseModelSearch } from "./directory";
import { formatCost } from "./format";

/** The URL of the prices: the range whose models are listed, and a model to set a price of or the own price to change. */
export interface PriceSearch extends Omit<ModelSearch, "order" | "top" | "unpriced"> {
  model?: string;
  provider?: string;
  change?: string;
  /** What is looked for among one's own. */
  findOwn?: string;
}

export function parsePriceSearch(raw: Record<string, unknown>): PriceSearch {
  const { order: _, top: __, unpriced: ___, ...search }: PriceSearch & ModelSearch = parseModelSearch(raw);
  for (const name of ["model", "provider", "change", "findOwn"] as const) {
    const value = raw[name];
    if (typeof value === "string" && value !== "") search[name] = value;
  }
  return search;
}

/** The rates of an own price that may be left out. */
export const MORE_RATES = {
  cached_input: "Cached input",
  cache_write: "Cache write",
  cache_write_1h: "Cache write, 1 h",
  reasoning: "Reasoning",
  audio_input: "Audio in",
  audio_output: "Audio out",
} as const;

/** An own price while it is written; `from` and `to` as days or as times of UTC without a zone. */
export interface PriceDraft
  extends Record<
    "name" | "model" | "provider" | "input" | "output" | "from" | "to" | keyof typeof MORE_RATES,
    string
  > {}

export const NO_PRICE: PriceDraft = {
  name: "",
  model: "",
  provider: "",
  input: "",
  output: "",
  from: "",
  to: "",
  cached_input: "",
  cache_write: "",
  cache_write_1h: "",
  reasoning: "",
  audio_input: "",
  audio_output: "",
};

/** The beginning of a price for one model: patterns that match its name and provider alone. */
export function draftFor(model: string, provider: string | null): PriceDraft {
  const name = model.replaceAll(/[^A-Za-z0-9._-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "");
  return { ...NO_PRICE, name: name.slice(0, 100), model: pattern(model), provider: provider ? pattern(provider) : "" };
}

export function draftOf({ name, price }: Pick<Wire["PriceDetail"], "name" | "price">): PriceDraft {
  const draft: PriceDraft = { ...NO_PRICE, name };
  for (const [key, value] of Object.entries(price)) {
    if (typeof value === "string")
      draft[key as keyof PriceDraft] = key === "from" || key === "to" ? writtenOf(value) : value;
  }
  return draft;
}

/** What the API takes: what is empty is not given, days begin at midnight UTC, and times are UTC's. */
export function priceOf({ name: _, model, input, output, from, to, ...rest }: PriceDraft): Wire["NewPrice"] {
  const optional = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, value.trim() || null]));
  return {
    ...(optional as Record<"provider" | keyof typeof MORE_RATES, string | null>),
    model: model.trim(),
    input: input.trim(),
    output: output.trim(),
    from: instantOf(from),
    to: instantOf(to),
  };
}

/**
 * A price's rate for a million tokens of one kind, by its name in the price data and by that of own prices; ends in a
 * plus where more tokens in a call make it higher.
 */
export function rateOf(price: Wire["PriceInUse"] | null, kind: "input" | "output" | "cached"): string {
  const names = {
    input: ["input_mtok", "input"],
    output: ["output_mtok", "output"],
    cached: ["cache_read_mtok", "cached_input"],
  };
  const rate = names[kind].map((name) => price?.rates[name]).find((found) => found !== undefined);
  if (rate === undefined) return "–";
  return formatCost(Number.parseFloat(rate)) + (rate.includes("above") ? " +" : "");
}

/** Regular expressions give these a meaning. */
function pattern(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** An instant as it is written in a form: as a day where it is midnight. */
function writtenOf(iso: string): string {
  return new Date(iso).toISOString().replace(/T00:00:00\.000Z$|(:00)?\.000Z$|Z$/, "");
}

function instantOf(written: string): string | null {
  if (!written) return null;
  return written.includes("T") ? new Date(`${written}Z`).toISOString() : `${written}T00:00:00Z`;
}
