/** A row of the map is drawn this high at most, in pixels. */
const TALLEST_ROW = 4;

/** What part of a list is in sight, drawn small: all lengths in pixels of the map. */
export interface Miniature {
  /** How much of the map's height the rows take. */
  length: number;
  /** Where the part in sight lies. */
  top: number;
  height: number;
}

/** The smallest that the part in sight is drawn, so that it can be seen and grabbed. */
const SMALLEST_WINDOW = 8;

/** How `count` rows of `rowHeight` fit a map, of which `viewport` pixels are in sight from `scrollTop` on. */
export function miniature(
  count: number,
  rowHeight: number,
  viewport: number,
  scrollTop: number,
  mapHeight: number,
): Miniature {
  const length = Math.min(mapHeight, count * TALLEST_ROW);
  const total = count * rowHeight;
  if (total <= viewport) return { length, top: 0, height: length };
  const height = Math.min(length, Math.max(SMALLEST_WINDOW, (viewport / total) * length));
  return { length, top: (scrollTop / (total - viewport)) * (length - height), height };
}

/** How far the list is scrolled when the part in sight begins at `top` on the map: the inverse of `miniature`. */
export function scrollTopAt(top: number, map: Miniature, count: number, rowHeight: number, viewport: number): number {
  const free = map.length - map.height;
  if (free <= 0) return 0;
  return Math.min(1, Math.max(0, top / free)) * (count * rowHeight - viewport);
}
