/** The part of a page's URL that says what is looked for in its list. */
export interface FindSearch {
  find?: string;
}

export function parseFind({ find }: Record<string, unknown>): FindSearch {
  return typeof find === "string" && find !== "" ? { find } : {};
}

/** Texts as they are compared: without case and accents. */
function plain(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

/** Those of which a text holds what is typed. */
export function fitting<T>(all: readonly T[], textOf: (one: T) => string, typed: string): readonly T[] {
  const part = plain(typed.trim());
  return part === "" ? all : all.filter((one) => plain(textOf(one)).includes(part));
}

/** The first of those that fit what is typed, and how many more do; the one with the id `kept` is among the first. */
export function firstOf<T extends { id: string }>(
  all: readonly T[],
  textOf: (one: T) => string,
  typed: string,
  most: number,
  kept?: string,
): { found: readonly T[]; more: number } {
  const fits = fitting(all, textOf, typed);
  if (fits.length <= most) return { found: fits, more: 0 };
  const at = fits.findIndex(({ id }) => id === kept);
  const first = fits.slice(0, most);
  return { found: at < most ? first : [...first.slice(0, -1), fits[at] as T], more: fits.length - most };
}
