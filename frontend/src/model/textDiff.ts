import { type Change, diffLines, diffWordsWithSpace } from "diff";

/** Texts longer than this together are compared by lines, not by words. */
const WORD_CHARACTERS = 60_000;
/** How long a comparison may take, in milliseconds; texts that differ much and are long are given up then. */
const PATIENCE = 1500;

/** What both texts have, what only the first, what only the second, in order; null when that takes too long. */
export function textDiff(a: string, b: string): Change[] | null {
  const byWords = a.length + b.length <= WORD_CHARACTERS && diffWordsWithSpace(a, b, { timeout: PATIENCE });
  return byWords || (diffLines(a, b, { timeout: PATIENCE }) ?? null);
}
