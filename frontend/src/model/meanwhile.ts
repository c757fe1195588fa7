/** What the API keeps, with what tells one state of it from another. */
export interface Versioned {
  version: string | null;
}

/** What has become of something since one began to write it: it may have come to be there, too. */
export type Meanwhile = "changed" | "gone" | "taken";

export function meanwhileOf(begun: Versioned | null, now: Versioned | null): Meanwhile | null {
  if (begun?.version === now?.version) return null;
  if (now === null) return "gone";
  return begun === null ? "taken" : "changed";
}
