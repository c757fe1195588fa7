import {
  type CSSProperties,
  type KeyboardEvent,
  type PointerEvent,
  type RefObject,
  useEffect,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import { useMedia } from "../../app/hooks";
import { useTheme } from "../../app/theme";
import { formatCount } from "../../model/format";
import { miniature, scrollTopAt } from "../../model/minimap";
import type { ObservationType } from "../../model/span";
import { barOf } from "../../model/timeline";
import { isFailed, type SpanNode } from "../../model/tree";
import { typeColor } from "../../ui/TypeMark";
import styles from "./Minimap.module.css";

interface Props {
  rows: readonly SpanNode[];
  rowHeight: number;
  durationNs: number;
  emphasis: ReadonlySet<string> | null;
  scroller: RefObject<HTMLDivElement | null>;
  /** The element that scrolls. */
  controls: string;
}

/**
 * All rows at once, small, and which of them are in sight. It scrolls them as a scroll bar does: by dragging, by a press
 * beside the part in sight, and by keys.
 */
export function Minimap({ rows, rowHeight, durationNs, emphasis, scroller, controls }: Props) {
  const scrollTop = useScrollTop(scroller);
  const viewport = useClientHeight(scroller);
  const grip = useRef<number | null>(null);
  const map = miniature(rows.length, rowHeight, viewport, scrollTop, viewport);
  const scrollTo = (top: number) => scroller.current?.scrollTo(0, top);
  const follow = (event: PointerEvent<HTMLDivElement>) => {
    if (grip.current === null) return;
    const y = event.clientY - event.currentTarget.getBoundingClientRect().top;
    scrollTo(scrollTopAt(y - grip.current, map, rows.length, rowHeight, viewport));
  };
  const begin = (event: PointerEvent<HTMLDivElement>) => {
    const y = event.clientY - event.currentTarget.getBoundingClientRect().top;
    grip.current = y >= map.top && y <= map.top + map.height ? y - map.top : map.height / 2;
    event.currentTarget.setPointerCapture(event.pointerId);
    follow(event);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const to = {
      ArrowDown: scrollTop + rowHeight,
      ArrowUp: scrollTop - rowHeight,
      PageDown: scrollTop + viewport,
      PageUp: scrollTop - viewport,
      Home: 0,
      End: rows.length * rowHeight,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    scrollTo(to);
  };
  const first = Math.floor(scrollTop / rowHeight) + 1;
  const last = Math.min(rows.length, Math.ceil((scrollTop + viewport) / rowHeight));
  return (
    <div
      role="scrollbar"
      tabIndex={0}
      aria-label="Minimap"
      aria-controls={controls}
      aria-orientation="vertical"
      aria-valuemin={1}
      aria-valuemax={rows.length}
      aria-valuenow={first}
      aria-valuetext={`Spans ${formatCount(first)} to ${formatCount(last)} of ${formatCount(rows.length)}`}
      className={styles.map}
      onPointerDown={begin}
      onPointerMove={follow}
      onPointerUp={() => {
        grip.current = null;
      }}
      onKeyDown={onKeyDown}
    >
      <Bars rows={rows} durationNs={durationNs} emphasis={emphasis} height={map.length} />
      <div className={styles.window} style={{ "--top": `${map.top}px`, height: map.height } as CSSProperties} />
    </div>
  );
}

/** Every row as a line, drawn anew only when the rows or the colours change. */
function Bars({
  rows,
  durationNs,
  emphasis,
  height,
}: Pick<Props, "rows" | "durationNs" | "emphasis"> & { height: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useTheme();
  const dark = useMedia("(prefers-color-scheme: dark)");
  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme decides on the colours
  useEffect(() => {
    if (canvas.current && height > 0) draw(canvas.current, rows, durationNs, emphasis, height);
  }, [rows, durationNs, emphasis, height, theme, dark]);
  return <canvas ref={canvas} className={styles.bars} />;
}

function draw(
  canvas: HTMLCanvasElement,
  rows: readonly SpanNode[],
  durationNs: number,
  emphasis: ReadonlySet<string> | null,
  height: number,
) {
  const context = canvas.getContext("2d");
  if (!context) return;
  const scale = window.devicePixelRatio;
  const width = canvas.clientWidth;
  canvas.width = width * scale;
  canvas.height = height * scale;
  canvas.style.height = `${height}px`;
  context.scale(scale, scale);
  const colorOf = colors(canvas);
  const step = height / rows.length;
  const thick = Math.max(1, step * 0.75);
  const paint = (node: SpanNode, index: number) => {
    const { left, width: part } = barOf(node.span, durationNs);
    const x = (left / 100) * width;
    context.fillStyle = isFailed(node.span) ? colorOf("error") : colorOf(node.span.type);
    context.globalAlpha = emphasis && !emphasis.has(node.key) ? 0.2 : 1;
    context.fillRect(Math.min(x, width - 2), index * step, Math.max(2, (part / 100) * width), thick);
  };
  rows.forEach(paint);
  // Where many rows share a pixel, a failed one is not painted over.
  rows.forEach((node, index) => {
    if (isFailed(node.span)) paint(node, index);
  });
}

/** The colours of the style sheet as a canvas takes them. */
function colors(element: HTMLElement): (name: ObservationType | "error") => string {
  const known = new Map<string, string>();
  return (name) => {
    let color = known.get(name);
    if (color === undefined) {
      element.style.color = name === "error" ? "var(--error)" : typeColor(name);
      color = getComputedStyle(element).color;
      known.set(name, color);
    }
    return color;
  };
}

function useScrollTop(scroller: RefObject<HTMLElement | null>): number {
  return useSyncExternalStore(
    (changed) => {
      const element = scroller.current;
      element?.addEventListener("scroll", changed, { passive: true });
      return () => element?.removeEventListener("scroll", changed);
    },
    () => scroller.current?.scrollTop ?? 0,
  );
}

function useClientHeight(element: RefObject<HTMLElement | null>): number {
  const [height, setHeight] = useState(0);
  useEffect(() => {
    if (!element.current) return;
    const observer = new ResizeObserver(([entry]) => setHeight(entry?.contentRect.height ?? 0));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [element]);
  return height;
}
