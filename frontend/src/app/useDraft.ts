import { useState } from "react";
import type { Versioned } from "../model/meanwhile";
import { differs } from "./Unsaved";

/**
 * What is written of something that is kept, `now`, or of something new (null). While nothing is written it is as kept
 * now; from then on it stays, and `begun` is what it was written over, until it begins anew, the next `turn`, or is
 * `saved` as it was sent.
 */
export function useDraft<Kept extends Versioned, Draft>(now: Kept | null, draftOf: (kept: Kept | null) => Draft) {
  const [begun, setBegun] = useState(now);
  const [seen, setSeen] = useState([now?.version]);
  const [draft, setDraft] = useState(() => draftOf(now));
  const initial = draftOf(begun);
  const isChanged = differs(draft, initial);
  const [turn, setTurn] = useState(0);
  const begin = (kept: Kept | null) => {
    setTurn(turn + 1);
    setBegun(kept);
    setDraft(draftOf(kept));
  };
  const saved = (kept: Kept, sent: Draft) => {
    setBegun(kept);
    setDraft((written) => (differs(written, sent) ? written : draftOf(kept)));
  };
  if (!seen.includes(now?.version)) setSeen([...seen, now?.version]);
  // What it was begun anew with may be another thing, and what was saved may not be told yet.
  if (!isChanged && begun && now && begun.version !== now.version && seen.includes(begun.version)) begin(now);
  return { draft, setDraft, begun, setBegun, turn, initial, isChanged, begin, saved };
}

/** Whether the form of this id is open: from when its thing was there, also after that is gone. */
export function useOpened(id: string | undefined, isThere: boolean): boolean {
  const [opened, setOpened] = useState<string>();
  const next = isThere || opened === id ? id : undefined;
  if (next !== opened) setOpened(next);
  return next !== undefined;
}
