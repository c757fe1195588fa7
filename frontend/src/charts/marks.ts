/** The tokens that lines are drawn in, in order. */
const COLORS = ["--generation", "--tool", "--agent", "--retriever", "--evaluator", "--guardrail", "--span"];
/** Pixels that are drawn and left out of a line; as many as make each of dozens of lines look different. */
const DASHES = [[], [7, 3], [2, 2], [10, 3, 2, 3], [14, 4]];
/** Which way areas and bars are hatched. */
const HATCHES = ["none", "up", "down", "level"] as const;
export type Hatch = (typeof HATCHES)[number];

/** How the line or area at a place of a chart looks: nothing that it says is said by colour alone. */
export interface Mark {
  /** A token. */
  color: string;
  dash: number[];
  hatch: Hatch;
}

export function markAt(place: number): Mark {
  const at = <T>(all: readonly T[]) => all[place % all.length] as T;
  return { color: at(COLORS), dash: at(DASHES), hatch: at(HATCHES) };
}

/** Pixels from one line of a hatch to the next. */
const TILE = 6;

/** What an area is filled with: its colour, made lighter, and over it the lines of its hatch. */
export function hatched(
  context: CanvasRenderingContext2D,
  color: string,
  light: string,
  hatch: Hatch,
): string | CanvasPattern {
  if (hatch === "none") return light;
  const size = Math.round(TILE * window.devicePixelRatio);
  const tile = new OffscreenCanvas(size, size);
  const pen = tile.getContext("2d");
  if (!pen) return light;
  pen.fillStyle = light;
  pen.fillRect(0, 0, size, size);
  pen.strokeStyle = color;
  pen.lineWidth = size / 6;
  // Each line is drawn beyond the tile too, where its end would leave a gap to the next tile.
  for (const shift of [-size, 0, size]) {
    pen.moveTo(shift, hatch === "up" ? size : hatch === "down" ? 0 : size / 2);
    pen.lineTo(shift + size, hatch === "up" ? 0 : hatch === "down" ? size : size / 2);
  }
  pen.stroke();
  return context.createPattern(tile, "repeat") ?? light;
}
