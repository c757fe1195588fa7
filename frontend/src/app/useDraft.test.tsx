import { act, renderHook } from "@testing-library/react";
import { expect, it } from "vitest";
import { useDraft } from "./useDraft";

interface Kept {
  version: string;
  text: string;
}

const kept = (text: string, version: string): Kept => ({ text, version });

function draftOf(first: Kept) {
  return renderHook(({ now }: { now: Kept }) => useDraft(now, (one) => one?.text ?? ""), {
    initialProps: { now: first },
  });
}

it("is as kept now until something is written", () => {
  const { result, rerender } = draftOf(kept("a", "1"));
  rerender({ now: kept("b", "2") });
  expect([result.current.draft, result.current.begun?.version]).toEqual(["b", "2"]);
  act(() => result.current.setDraft("mine"));
  rerender({ now: kept("c", "3") });
  expect([result.current.draft, result.current.begun?.version]).toEqual(["mine", "2"]);
  act(() => result.current.setDraft("b"));
  expect([result.current.draft, result.current.begun?.version]).toEqual(["c", "3"]);
});

it("stays with another thing that it was begun anew with", () => {
  const { result, rerender } = draftOf(kept("a", "1"));
  act(() => result.current.begin(kept("other", "9")));
  expect(result.current.draft).toBe("other");
  rerender({ now: kept("b", "2") });
  expect(result.current.draft).toBe("other");
});

it("keeps what was written while it was being saved", () => {
  const { result, rerender } = draftOf(kept("a", "1"));
  act(() => result.current.setDraft("sent "));
  act(() => result.current.saved(kept("sent", "2"), "sent "));
  rerender({ now: kept("sent", "2") });
  expect([result.current.draft, result.current.isChanged]).toEqual(["sent", false]);
  act(() => result.current.setDraft("and more"));
  act(() => result.current.saved(kept("sent", "3"), "sent"));
  rerender({ now: kept("sent", "3") });
  expect([result.current.draft, result.current.begun?.version]).toEqual(["and more", "3"]);
});
