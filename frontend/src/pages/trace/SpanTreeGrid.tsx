import { IconAlertCircleFilled, IconChevronRight, IconUnlink } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import {
  type CSSProperties,
  type KeyboardEvent,
  memo,
  type ReactNode,
  useCallback,
  useEffect,
  useId,
  useMemo,
  useRef,
} from "react";
import { Button } from "react-aria-components";
import { NARROW, useMedia, useShortcuts } from "../../app/hooks";
import { PRINTED, useDrawnRows } from "../../app/printing";
import { formatDuration, formatTick, plural } from "../../model/format";
import { collapseAll, move, type TreeMove, type TreeState, toggle, visibleRows } from "../../model/rows";
import { barOf, indentOf, ticks } from "../../model/timeline";
import { isFailed, type SpanNode, type SpanTree } from "../../model/tree";
import controls from "../../ui/controls.module.css";
import { TypeMark, typeColor } from "../../ui/TypeMark";
import { Minimap } from "./Minimap";
import styles from "./SpanTreeGrid.module.css";

const ROW_HEIGHT = 28;
const NARROW_ROW_HEIGHT = 44;
const PAGE_ROWS = 15;
/** Fewer rows than these are mostly in sight, and need no map. */
const MAPPED_ROWS = 60;
const KEYS: Record<string, TreeMove> = {
  ArrowDown: "next",
  ArrowUp: "previous",
  ArrowRight: "in",
  ArrowLeft: "out",
  Home: "first",
  End: "last",
};

interface Props {
  tree: SpanTree;
  state: TreeState;
  /** The spans that stand out; null when none is set apart. */
  emphasis: ReadonlySet<string> | null;
  /** What stands above the spans. */
  finder: ReactNode;
  onChange: (state: TreeState) => void;
  onSelect: (key: string) => void;
}

/** The spans as a tree beside their bars on the trace's time line, following the WAI-ARIA treegrid pattern. */
export function SpanTreeGrid({ tree, state, emphasis, finder, onChange, onSelect }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const grid = useRef<HTMLDivElement>(null);
  const id = useId();
  const narrow = useMedia(NARROW);
  const height = narrow ? NARROW_ROW_HEIGHT : ROW_HEIGHT;
  const rows = useMemo(() => visibleRows(tree, state.collapsed), [tree, state.collapsed]);
  const active = rows.findIndex((node) => node.key === state.selected);
  const { printing, rangeExtractor } = useDrawnRows();
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    // The same function for the same rows: with another one the virtualizer measures all of them anew.
    getItemKey: useCallback((index: number) => rows[index]?.key ?? index, [rows]),
    estimateSize: () => height,
    overscan: 10,
    // The active row stays in the document however far it is scrolled away: aria-activedescendant names it.
    rangeExtractor: (range) => {
      const indexes = rangeExtractor(range);
      return active < 0 || indexes.includes(active) ? indexes : [...indexes, active].sort((a, b) => a - b);
    },
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the heights that it remembers change with `height` only
  useEffect(() => {
    virtualizer.measure();
  }, [height]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: follows the selection, not the rows that come and go
  useEffect(() => {
    if (active >= 0) virtualizer.scrollToIndex(active, { align: "auto" });
  }, [state.selected]);

  const go = (how: TreeMove, times = 1) => {
    let next = state;
    for (let i = 0; i < times; i++) next = move(tree, next, how);
    onChange(next);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const how = KEYS[event.key];
    if (how) go(how);
    else if (event.key === "PageDown") go("next", PAGE_ROWS);
    else if (event.key === "PageUp") go("previous", PAGE_ROWS);
    else return;
    event.preventDefault();
  };
  useShortcuts({ j: () => go("next"), k: () => go("previous"), e: () => go("next-error") });

  const marks = ticks(tree.durationNs, 4);
  const step = ((marks[1] ?? tree.durationNs) / tree.durationNs) * 100;
  const hasChildren = tree.nodes.some((node) => node.childCount > 0);
  const mapped = !narrow && rows.length >= MAPPED_ROWS;
  return (
    <section className={styles.pane} aria-label="Spans" data-mapped={mapped || undefined}>
      {finder}
      <div className={styles.head}>
        <div className={styles.tools}>
          <span>{plural(tree.nodes.length, "span")}</span>
          {hasChildren && (
            <>
              <Button className={controls.action} onPress={() => onChange({ ...state, collapsed: new Set() })}>
                Expand all
              </Button>
              <Button className={controls.action} onPress={() => onChange(collapseAll(tree, state))}>
                Collapse all
              </Button>
            </>
          )}
        </div>
        <div className={styles.axis} aria-hidden="true">
          {marks.map((tick) => (
            <span key={tick} style={{ left: `${(tick / tree.durationNs) * 100}%` }}>
              {formatTick(tick)}
            </span>
          ))}
        </div>
      </div>
      <div className={styles.body}>
        <div ref={scroller} id={`${id}-scroller`} className={styles.scroller}>
          <div
            ref={grid}
            role="treegrid"
            aria-label="Span tree"
            aria-rowcount={rows.length}
            aria-activedescendant={active < 0 ? undefined : `${id}-${state.selected}`}
            tabIndex={0}
            className={styles.grid}
            style={{ height: printing ? "auto" : virtualizer.getTotalSize(), "--step": `${step}%` } as CSSProperties}
            onKeyDown={onKeyDown}
          >
            <div className={styles.lines} aria-hidden="true">
              <span />
            </div>
            {virtualizer.getVirtualItems().map((item) => {
              const node = rows[item.index];
              return (
                node && (
                  <SpanRow
                    key={node.key}
                    id={`${id}-${node.key}`}
                    node={node}
                    durationNs={tree.durationNs}
                    index={item.index}
                    top={printing ? null : item.start}
                    selected={item.index === active}
                    dimmed={emphasis !== null && !emphasis.has(node.key)}
                    collapsed={state.collapsed.has(node.key)}
                    onSelect={() => {
                      grid.current?.focus({ preventScroll: true });
                      onSelect(node.key);
                    }}
                    onToggle={() => onChange(toggle(state, node.key))}
                  />
                )
              );
            })}
          </div>
          {printing && rows.length > PRINTED && <p>The first {PRINTED} rows.</p>}
        </div>
        {mapped && (
          <Minimap
            rows={rows}
            rowHeight={height}
            durationNs={tree.durationNs}
            emphasis={emphasis}
            scroller={scroller}
            controls={`${id}-scroller`}
          />
        )}
      </div>
    </section>
  );
}

interface RowProps {
  id: string;
  node: SpanNode;
  durationNs: number;
  index: number;
  /** Pixels; null where rows lie one below the other. */
  top: number | null;
  selected: boolean;
  dimmed: boolean;
  collapsed: boolean;
  onSelect: () => void;
  onToggle: () => void;
}

const SpanRow = memo(
  function SpanRow({ id, node, durationNs, index, top, selected, dimmed, collapsed, onSelect, onToggle }: RowProps) {
    const { span, depth } = node;
    const failed = isFailed(span);
    return (
      // biome-ignore lint/a11y/useKeyWithClickEvents: the treegrid handles the keys
      <div
        role="row"
        id={id}
        aria-level={depth + 1}
        aria-posinset={node.position}
        aria-setsize={node.siblingCount}
        aria-rowindex={index + 1}
        aria-selected={selected}
        aria-expanded={node.childCount > 0 ? !collapsed : undefined}
        data-failed={failed || undefined}
        data-dimmed={dimmed || undefined}
        className={styles.row}
        style={top === null ? undefined : { transform: `translateY(${top}px)` }}
        onClick={onSelect}
      >
        <div role="gridcell" className={styles.name} style={{ paddingLeft: indentOf(depth) }}>
          {node.childCount > 0 ? (
            <button
              type="button"
              tabIndex={-1}
              className={styles.chevron}
              aria-label={`${collapsed ? "Expand" : "Collapse"} ${span.name}`}
              onClick={(event) => {
                event.stopPropagation();
                onToggle();
              }}
            >
              <IconChevronRight size={14} stroke={2} aria-hidden />
            </button>
          ) : (
            <span className={styles.leaf} />
          )}
          <TypeMark type={span.type} />
          <span className={styles.label} title={span.name}>
            {span.name}
          </span>
          {failed && <IconAlertCircleFilled size={14} className={styles.error} role="img" aria-label="error" />}
          {node.orphan && (
            <span title="Its parent span is not in this trace" className={styles.orphan}>
              <IconUnlink size={14} stroke={1.8} role="img" aria-label="parent missing" />
            </span>
          )}
          {collapsed && (
            <span className={styles.hidden} data-errors={node.errorsBelow || undefined}>
              +{node.descendants}
              {node.errorsBelow > 0 && `, ${plural(node.errorsBelow, "error")}`}
            </span>
          )}
          {span.model && !span.name.includes(span.model) && <span className={styles.model}>{span.model}</span>}
        </div>
        <div role="gridcell" className={styles.duration}>
          {formatDuration(span.durationNs)}
        </div>
        <div role="gridcell" className={styles.lane} style={laneStyle(node, durationNs)}>
          <span className={styles.bar} />
        </div>
      </div>
    );
  },
  (before, after) =>
    before.node === after.node &&
    before.durationNs === after.durationNs &&
    before.index === after.index &&
    before.top === after.top &&
    before.selected === after.selected &&
    before.dimmed === after.dimmed &&
    before.collapsed === after.collapsed,
);

function laneStyle({ span }: SpanNode, durationNs: number): CSSProperties {
  const { left, width, firstToken } = barOf(span, durationNs);
  const waiting = firstToken === null || width === 0 ? 0 : ((firstToken - left) / width) * 100;
  return {
    "--left": `${left}%`,
    "--width": `${width}%`,
    "--waiting": `${Math.min(100, waiting)}%`,
    "--color": isFailed(span) ? "var(--error)" : typeColor(span.type),
  } as CSSProperties;
}
