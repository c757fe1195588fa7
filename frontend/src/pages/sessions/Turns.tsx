import { useElementScrollRestoration } from "@tanstack/react-router";
import { useVirtualizer, type VirtualItem } from "@tanstack/react-virtual";
import { useCallback, useEffect, useRef } from "react";
import { useDrawnRows } from "../../app/printing";
import { formatDuration } from "../../model/format";
import type { Trace } from "../../model/trace";
import { gapNs } from "../../model/turns";
import { Turn } from "./Turn";
import styles from "./Turns.module.css";

/** What a turn takes until it is drawn, pixels. */
const USUAL_HEIGHT = 220;
/** Turns from the end at which more are asked for. */
const AHEAD = 10;

const NONE: VirtualItem[] = [];

/** The heights of sessions' turns as they were drawn last: who comes back finds the same turns at the same place. */
const heights = new Map<string, VirtualItem[]>();

interface Props {
  /** The session's, in all projects. */
  id: string;
  traces: readonly Trace[];
  /** How many there are, those not yet loaded included. */
  total: number;
  /** Asks for more turns; null while there are none or they are on their way. */
  onMore: (() => void) | null;
}

/** The turns of a session, of which only those in sight are drawn and have their content loaded. */
export function Turns({ id, traces, total, onMore }: Props) {
  const scroller = useRef<HTMLElement>(null);
  const restorationId = `Turns of ${id}`;
  const { printing, rangeExtractor } = useDrawnRows();
  const virtualizer = useVirtualizer({
    count: traces.length,
    getScrollElement: () => scroller.current,
    getItemKey: useCallback((index: number) => traces[index]?.id ?? index, [traces]),
    estimateSize: () => USUAL_HEIGHT,
    overscan: 2,
    rangeExtractor,
    // Who stands at the end stays there while what the turns hold comes in and changes their heights.
    anchorTo: "end",
    initialMeasurementsCache: heights.get(id) ?? NONE,
    initialOffset: useElementScrollRestoration({ id: restorationId })?.scrollY ?? 0,
  });
  useEffect(
    () => () => {
      heights.set(id, virtualizer.takeSnapshot());
    },
    [id, virtualizer],
  );
  const items = virtualizer.getVirtualItems();
  const nearEnd = (items.at(-1)?.index ?? 0) >= traces.length - AHEAD;
  useEffect(() => {
    if (nearEnd) onMore?.();
  }, [nearEnd, onMore]);
  return (
    <section
      ref={scroller}
      className={styles.scroller}
      data-scroll-restoration-id={restorationId}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, which the keyboard must reach
      tabIndex={0}
      aria-label="Turns"
    >
      <ol
        className={styles.turns}
        style={{ height: printing ? "auto" : virtualizer.getTotalSize() }}
        aria-label="Conversation"
      >
        {items.map(({ index, key, start }) => {
          const trace = traces[index];
          return (
            trace && (
              <li
                key={key}
                ref={virtualizer.measureElement}
                data-index={index}
                aria-posinset={index + 1}
                aria-setsize={total}
                aria-label={`Turn ${index + 1}`}
                className={styles.turn}
                style={printing ? undefined : { transform: `translateY(${start}px)` }}
              >
                <Gap before={traces[index - 1]} after={trace} />
                <Turn trace={trace} number={index + 1} />
              </li>
            )
          );
        })}
      </ol>
    </section>
  );
}

function Gap({ before, after }: { before: Trace | undefined; after: Trace }) {
  if (!before) return null;
  const gap = gapNs(before, after);
  return <p className={styles.gap}>{gap < 0 ? "meanwhile" : `${formatDuration(gap)} later`}</p>;
}
