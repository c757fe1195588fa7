/** Editing of filters as text: `model:gpt-4o (status:error OR cost:>0.01) "refund"`; the API alone judges them. */

/** `value` as the filter language takes it for exactly that value: quoted where its characters would mean something. */
export function literal(value: string): string {
  if (value !== "" && !/[\s\p{Cc}()",*\\]|^[<>=]|\.\./u.test(value)) return value;
  return `"${value.replace(/["\\]/g, "\\$&")}"`;
}

export function condition(field: string, value: string): string {
  return `${field}:${literal(value)}`;
}

/** A filter that demands all of these. */
export function allOf(...filters: (string | undefined)[]): string {
  return filters
    .filter((filter): filter is string => Boolean(filter))
    .map((filter, _, { length }) => (length > 1 && isAlternative(filter) ? `(${filter})` : filter))
    .join(" ");
}

/** The values that the filter lets this field have, as far as it says so in a condition that must hold. */
export function valuesOf(filter: string, field: string): string[] {
  if (isAlternative(filter)) return [];
  return terms(filter).flatMap((term) => valuesIn(term, field) ?? []);
}

/** The filter with a value of a field added (beside others of the same field, as an alternative) or taken away. */
export function toggleValue(filter: string, field: string, value: string): string {
  const parts = isAlternative(filter) ? [`(${filter.trim()})`] : terms(filter);
  const place = parts.findIndex((term) => valuesIn(term, field) !== undefined);
  const before = valuesIn(parts[place] ?? "", field);
  if (!before) return [...parts, condition(field, value)].join(" ");
  const after = before.includes(value) ? before.filter((other) => other !== value) : [...before, value];
  const term = after.length === 0 ? [] : [`${field}:${after.map(literal).join(",")}`];
  return parts.toSpliced(place, 1, ...term).join(" ");
}

/** The filter without its conditions on one field that must hold. */
export function without(filter: string, field: string): string {
  return valuesOf(filter, field).reduce((rest, value) => toggleValue(rest, field, value), filter);
}

/** What is being written at a place of a filter: from `from` to `to`, so far `typed`. */
export type Writing = { from: number; to: number; typed: string } & (
  | { what: "field" }
  | { what: "value"; field: string; key: string | null; ordering: boolean }
);

export function writingAt(filter: string, cursor: number): Writing {
  let start = 0;
  let quoted = false;
  let value: number | null = null;
  for (let at = 0; at < cursor; at++) {
    const character = filter[at] as string;
    if (quoted && character === "\\") at++;
    else if (character === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (/[\s()]/.test(character)) {
      start = at + 1;
      value = null;
    } else if (character === "-" && at === start) start = at + 1;
    else if (character === ":" && value === null) value = at + 1;
    else if (character === "," && value !== null) value = at + 1;
  }
  const rest = quoted ? /^[^"]*"?/ : /^[^\s(),"]*/;
  const to = cursor + (filter.slice(cursor).match(rest)?.[0].length ?? 0);
  const head = value === null ? null : /^([A-Za-z_]+)(?:\.("(?:[^"\\]|\\.)*"|[^\s:()",]+))?:/.exec(filter.slice(start));
  if (value === null || !head?.[1]) return { what: "field", from: start, to, typed: filter.slice(start, cursor) };
  const operator = /^(?:>=|<=|>|<|=)/.exec(filter.slice(value, cursor))?.[0] ?? "";
  const from = value + operator.length;
  const typed = filter.slice(from, cursor).replace(/^"/, "");
  const key = head[2] === undefined ? null : unquoted(head[2]);
  return { what: "value", field: head[1].toLowerCase(), key, ordering: operator !== "", from, to, typed };
}

/** The filter's parts between spaces that lie neither in quotes nor in parentheses; NOT stays with what it negates. */
function terms(filter: string): string[] {
  const words: string[] = [];
  let word = "";
  let depth = 0;
  const end = () => {
    if (word) words.push(word);
    word = "";
  };
  for (const token of filter.match(/"(?:[^"\\]|\\.)*"?|[()]|\s+|[^\s"()]+/g) ?? []) {
    if (depth === 0 && (token.trim() === "" || (token === "(" && !/^-*$/.test(word)))) end();
    if (depth > 0 || token.trim() !== "") word += token;
    if (token === "(") depth += 1;
    if (token === ")") depth = Math.max(0, depth - 1);
    if (token === ")" && depth === 0) end();
  }
  end();
  const found: string[] = [];
  for (const next of words) {
    if (/(?:^| )NOT$/.test(found.at(-1) ?? "")) found.push(`${found.pop()} ${next}`);
    else if (next !== "AND") found.push(next);
  }
  return found;
}

function isAlternative(filter: string): boolean {
  return terms(filter).includes("OR");
}

/** The plain values of a condition `field:a,b`; undefined when it is another one, or says more than values. */
function valuesIn(term: string, field: string): string[] | undefined {
  if (!term.startsWith(`${field}:`)) return undefined;
  const values = term.slice(field.length + 1).match(/"(?:[^"\\]|\\.)*"|[^,"]+/g) ?? [];
  if (values.length === 0 || values.some((value) => /^[<>=]|^[^"]*[*]/.test(value))) return undefined;
  return values.map(unquoted);
}

function unquoted(text: string): string {
  return text.startsWith('"') ? text.slice(1, -1).replace(/\\(.)/g, "$1") : text;
}
