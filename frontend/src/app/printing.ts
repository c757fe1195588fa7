import { defaultRangeExtractor, type Range } from "@tanstack/react-virtual";
import { useMedia } from "./hooks";

/** The most rows of a list that are printed; with more of them browsers take minutes. */
export const PRINTED = 2000;

/** Which rows of a list are drawn: on the screen those in sight, on paper all that are loaded. */
export function useDrawnRows(): { printing: boolean; rangeExtractor: (range: Range) => number[] } {
  const printing = useMedia("print");
  return { printing, rangeExtractor: printing ? fromFirst : defaultRangeExtractor };
}

function fromFirst({ count }: Range): number[] {
  return Array.from({ length: Math.min(count, PRINTED) }, (_, index) => index);
}
