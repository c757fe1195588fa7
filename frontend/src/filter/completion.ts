import type { Wire } from "../api/client";
import { literal, type Writing } from "../model/filterText";

type Field = Wire["FilterField"];

/** One thing that could be written next. `text` takes the place of what is being written. */
export interface Completion {
  text: string;
  label: string;
  hint: string;
  /** With it the condition is whole, so that the filter can be applied. */
  whole: boolean;
}

const ORDERED = new Set(["count", "number", "cost", "duration", "any"]);
const COMPARISONS = { ">": "more than", ">=": "at least", "<": "less than", "<=": "at most" };
const MOST = 12;

/** The field that a condition names, by its own name or by another one. */
export function fieldOf(name: string, { fields, aliases }: Wire["FilterFields"]): Field | undefined {
  const known = aliases[name] ?? name;
  return fields.find((field) => field.name === known);
}

/** Fields that fit what is typed: first those that begin with it, then those described by it. */
export function fieldCompletions(typed: string, { fields, aliases }: Wire["FilterFields"]): Completion[] {
  const text = typed.toLowerCase();
  const named = fields.filter(
    ({ name }) =>
      name.startsWith(text) ||
      Object.entries(aliases).some(([alias, known]) => known === name && alias.startsWith(text)),
  );
  const described = fields.filter((field) => !named.includes(field) && field.description.toLowerCase().includes(text));
  return [...named, ...(text.length > 1 ? described : [])].slice(0, MOST).map((field) => ({
    text: field.keyed ? `${field.name}.` : `${field.name}:`,
    label: field.name,
    hint: field.description,
    whole: false,
  }));
}

/** What a field can be compared with: operators before anything is typed, its choices, and values that occur. */
export function valueCompletions(
  writing: Writing & { what: "value" },
  field: Field,
  found: readonly Wire["Facet"][],
): Completion[] {
  const typed = writing.typed.toLowerCase();
  const place = (value: string) => value.toLowerCase().indexOf(typed);
  const byPlace = (a: { label: string }, b: { label: string }) =>
    Math.min(place(a.label), 1) - Math.min(place(b.label), 1);
  const fits = (value: string) => place(value) >= 0;
  const choices = field.choices.filter(fits).map((value) => ({ text: value, label: value, hint: "", whole: true }));
  choices.sort(byPlace);
  const values = found
    .filter(({ value }) => field.choices.length === 0 && fits(value))
    .map(({ value, span_count }) => ({
      text: literal(value),
      label: value,
      hint: `${span_count.toLocaleString("en-US")} spans`,
      whole: true,
    }));
  const comparisons = Object.entries(COMPARISONS).map(([text, hint]) => ({ text, label: text, hint, whole: false }));
  const ordered = typed === "" && !writing.ordering && ORDERED.has(field.kind);
  return [...choices, ...values.slice(0, MOST), ...(ordered ? comparisons : [])];
}
