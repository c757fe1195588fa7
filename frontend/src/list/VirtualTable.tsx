import { IconArrowDown, IconArrowUp } from "@tabler/icons-react";
import { useElementScrollRestoration } from "@tanstack/react-router";
import { type ColumnDef, type Row, type RowData, tableFeatures, useTable } from "@tanstack/react-table";
import { useVirtualizer } from "@tanstack/react-virtual";
import {
  type CSSProperties,
  type MouseEvent,
  memo,
  type ReactNode,
  type RefObject,
  type UIEvent,
  useEffect,
  useMemo,
  useRef,
} from "react";
import { Button } from "react-aria-components";
import { NARROW, useMedia, useShortcuts } from "../app/hooks";
import { PRINTED, useDrawnRows } from "../app/printing";
import { LIST_ORDERS, type ListOrder } from "../model/filters";
import plain from "../ui/table.module.css";
import { useArrivals } from "./useArrivals";
import styles from "./VirtualTable.module.css";

const ROW_HEIGHT = 34;
const NARROW_ROW_HEIGHT = 62;
/** Rows from the end at which the next page is asked for. */
const AHEAD = 30;

const NONE: string[] = [];
const features = tableFeatures({});

/**
 * The columns there are, by their widths in a wide table, one of middle width and one with little room. Which those are,
 * that columns without a width are not drawn in them, and what is drawn on a phone, is the style sheet's business.
 */
const WIDTHS = {
  time: ["116px", "116px", "112px"],
  name: ["minmax(200px, 1fr)", "minmax(180px, 1fr)", "minmax(150px, 1fr)"],
  models: ["140px", "140px", "minmax(60px, 120px)"],
  status: ["74px", "74px", "74px"],
  spans: ["46px", "46px"],
  tokens: ["112px", "112px", "100px"],
  cost: ["108px", "108px", "84px"],
  ttft: ["72px", "72px"],
  duration: ["70px", "70px", "70px"],
  service: ["120px"],
  user: ["104px", "104px"],
  session: ["88px"],
} as const;
type ColumnId = keyof typeof WIDTHS;

interface Column<T> {
  id: ColumnId;
  header: string;
  cell: (row: T) => ReactNode;
}

export type Columns<T extends RowData> = ColumnDef<typeof features, T>[];

export function columnsOf<T extends RowData>(columns: Column<T>[]): Columns<T> {
  return columns.map(({ id, header, cell }) => ({ id, header, cell: ({ row }) => cell(row.original) }));
}

interface Props<T extends RowData> {
  label: string;
  columns: Columns<T>;
  /** What the rows are ordered by; the headers of the columns that say it change it. */
  order: ListOrder;
  ascending: boolean;
  onOrder: (order: ListOrder) => void;
  rows: T[];
  getId: (row: T) => string;
  scroller: RefObject<HTMLDivElement | null>;
  /** The rows belong to the filters before, the new ones are on their way. */
  stale: boolean;
  hasMore: boolean;
  onMore: () => void;
  onScrolledFromTop: (scrolled: boolean) => void;
  /** Whether somebody points at the rows or has the focus in one, and so wants them to stay where they are. */
  onReading: (reading: boolean) => void;
}

/** A table of which only the rows in sight are drawn. The link in a row's name covers the row; j and k go by rows. */
export function VirtualTable<T extends RowData>({
  label,
  columns,
  order,
  ascending,
  onOrder,
  rows: data,
  getId,
  scroller,
  stale,
  hasMore,
  onMore,
  onScrolledFromTop,
  onReading,
}: Props<T>) {
  const narrow = useMedia(NARROW);
  const height = narrow ? NARROW_ROW_HEIGHT : ROW_HEIGHT;
  const table = useTable({ features, columns, data, getRowId: getId });
  const rows = table.getRowModel().rows;
  const ids = useMemo(() => (stale ? NONE : data.map(getId)), [stale, data, getId]);
  const arrived = useArrivals(ids);
  const widths = columns.map(({ id }) => WIDTHS[id as ColumnId]);
  const grid = Object.fromEntries(
    ["--wide", "--middle", "--little"].map((name, place) => [name, widths.map((of) => of[place]).join(" ")]),
  ) as CSSProperties;
  const { printing, rangeExtractor } = useDrawnRows();
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    getItemKey: (index) => rows[index]?.id ?? index,
    estimateSize: () => height,
    overscan: 12,
    rangeExtractor,
    initialOffset: useElementScrollRestoration({ id: label })?.scrollY ?? 0,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the heights that it remembers change with `height` only
  useEffect(() => {
    virtualizer.measure();
  }, [height]);

  const onScroll = ({ currentTarget: { scrollTop, scrollHeight, clientHeight } }: UIEvent) => {
    onScrolledFromTop(scrollTop > height);
    if (hasMore && scrollHeight - scrollTop - clientHeight < AHEAD * height) onMore();
  };
  const goTo = useRowFocus(scroller, rows.length, (index) => virtualizer.scrollToIndex(index));
  useShortcuts({
    j: () => goTo(+1),
    k: () => goTo(-1),
  });

  return (
    <div
      ref={scroller}
      className={styles.scroller}
      data-scroll-restoration-id={label}
      data-stale={stale || undefined}
      onScroll={onScroll}
    >
      <div
        role="table"
        aria-label={label}
        aria-rowcount={hasMore ? -1 : rows.length + 1}
        className={styles.table}
        style={grid}
      >
        <div role="rowgroup" className={styles.header}>
          {table.getHeaderGroups().map((group) => (
            <div key={group.id} role="row" aria-rowindex={1} className={styles.row}>
              {group.headers.map((header) => {
                const by = header.column.id as ListOrder;
                const active = by === order;
                const Arrow = ascending ? IconArrowUp : IconArrowDown;
                return (
                  <div
                    key={header.id}
                    role="columnheader"
                    className={styles[header.column.id]}
                    aria-sort={
                      by in LIST_ORDERS ? (active ? (ascending ? "ascending" : "descending") : "none") : undefined
                    }
                  >
                    {by in LIST_ORDERS && !narrow ? (
                      <Button className={plain.order} onPress={() => onOrder(by)}>
                        {active && <Arrow size={12} aria-hidden />}
                        <table.FlexRender header={header} />
                      </Button>
                    ) : (
                      <table.FlexRender header={header} />
                    )}
                  </div>
                );
              })}
            </div>
          ))}
        </div>
        <div
          role="rowgroup"
          className={styles.body}
          style={{ height: printing ? "auto" : virtualizer.getTotalSize() }}
          onPointerEnter={({ pointerType }) => onReading(pointerType === "mouse")}
          onPointerLeave={() => onReading(false)}
          onFocus={() => onReading(true)}
          onBlur={() => onReading(false)}
        >
          {virtualizer.getVirtualItems().map((item) => {
            const row = rows[item.index];
            return (
              row && (
                <TableRow
                  key={row.id}
                  row={row as Row<typeof features, RowData>}
                  index={item.index}
                  top={printing ? null : item.start}
                  isNew={arrived.has(row.id)}
                />
              )
            );
          })}
        </div>
      </div>
      {printing && (hasMore || rows.length > PRINTED) && (
        <p>The first {Math.min(rows.length, PRINTED)} rows. The list goes on.</p>
      )}
    </div>
  );
}

interface RowProps {
  row: Row<typeof features, RowData>;
  index: number;
  /** Pixels; null where rows lie one below the other. */
  top: number | null;
  isNew: boolean;
}

const TableRow = memo(
  function TableRow({ row, index, top, isNew }: RowProps) {
    return (
      // biome-ignore lint/a11y/useKeyWithClickEvents: the row's link is there for the keyboard
      <div
        role="row"
        aria-rowindex={index + 2}
        data-index={index}
        data-new={isNew || undefined}
        className={styles.row}
        style={top === null ? undefined : { transform: `translateY(${top}px)` }}
        onClick={passToLink}
      >
        {row.getAllCells().map((cell) => (
          <div key={cell.id} role="cell" className={styles[cell.column.id]}>
            {cell.column.columnDef.cell instanceof Function && cell.column.columnDef.cell(cell.getContext())}
          </div>
        ))}
      </div>
    );
  },
  (before, after) =>
    before.row.original === after.row.original &&
    before.index === after.index &&
    before.top === after.top &&
    before.isNew === after.isNew,
);

/** A click beside the row's link, on something that lies above it for its title, is a click on the link. */
function passToLink(event: MouseEvent<HTMLElement>) {
  if (event.target instanceof Element && event.target.closest("a")) return;
  event.currentTarget.querySelector("a")?.dispatchEvent(new window.MouseEvent("click", event.nativeEvent));
}

/** Moves the focus by rows, from the focused one or else from above the first. */
function useRowFocus(scroller: RefObject<HTMLDivElement | null>, count: number, scrollTo: (index: number) => void) {
  const wanted = useRef<number | null>(null);
  const focus = () => {
    const link = scroller.current?.querySelector<HTMLElement>(`[data-index="${wanted.current}"] a`);
    if (!link) return;
    wanted.current = null;
    link.focus({ preventScroll: true });
  };
  useEffect(() => {
    if (wanted.current !== null) focus();
  });
  return (by: number) => {
    const focused = document.activeElement?.closest<HTMLElement>("[data-index]");
    const from = focused ? Number(focused.dataset.index) : -1;
    wanted.current = Math.min(count - 1, Math.max(0, from + by));
    scrollTo(wanted.current);
    focus();
  };
}
