import { type CSSProperties, useEffect, useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useMedia } from "../app/hooks";
import { useTheme } from "../app/theme";
import { type Course, formatValue, type Series, stacked } from "../model/analytics";
import { chartText } from "../model/chartText";
import type { Form } from "../model/explore";
import styles from "./Chart.module.css";
import { hatched, type Mark, markAt } from "./marks";

const HEIGHT = 150;
/** A drag shorter than this is a click, in pixels. */
const DRAG = 5;

interface Props {
  label: string;
  course: Course;
  form?: Form;
  /** In pixels. */
  height?: number;
  /** A stretch of time was chosen, in seconds since 1970: one interval by a click, several by dragging. */
  onRange: (from: number, to: number, how: "click" | "drag") => void;
}

/**
 * Lines, or areas or bars on one another, over time on a canvas. Those who do not see it are told what it comes to, and
 * have its table.
 */
export function Chart({ label, course, form = "lines", height = HEIGHT, onRange }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<number | null>(null);
  const theme = useTheme();
  const dark = useMedia("(prefers-color-scheme: dark)");
  const latest = useRef({ course, onRange });
  useEffect(() => {
    latest.current = { course, onRange };
  });
  const { unit, step, times, series } = course;
  const byHour = isByHour(course);
  const shape = useMemo(
    () => JSON.stringify([unit, form, height, step, byHour, series.map((line) => line.label)]),
    [unit, form, height, step, byHour, series],
  );

  // biome-ignore lint/correctness/useExhaustiveDependencies: made anew for another look or shape; data has its own effect
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const chart = new uPlot(
      {
        ...options(element, latest.current.course, form, setAt, (from, to, how) =>
          latest.current.onRange(from, to, how),
        ),
        height,
      },
      data(latest.current.course, form),
      element,
    );
    const observer = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    drawn.current = chart;
    return () => {
      drawn.current = null;
      observer.disconnect();
      chart.destroy();
    };
  }, [theme, dark, shape]);
  const drawn = useRef<uPlot | null>(null);
  useEffect(() => {
    drawn.current?.setData(data(course, form));
  }, [course, form]);

  const time = at === null ? undefined : times[at];
  return (
    <div className={styles.chart}>
      <ul className={styles.legend}>
        {series.map((line, place) => {
          const { color, dash, hatch } = markOf(line, place);
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: lines are told apart by their places
            <li key={place} style={{ "--line-color": `var(${color})` } as CSSProperties}>
              {form === "lines" ? (
                <svg width={24} height={4} aria-hidden="true">
                  <line x2={24} y1={2} y2={2} strokeDasharray={dash.join(" ")} />
                </svg>
              ) : (
                <i data-hatch={hatch} />
              )}
              <span title={line.label}>{line.label || "none"}</span>
              {at !== null && <strong>{formatValue(line.values[at], unit)}</strong>}
            </li>
          );
        })}
        {time !== undefined && <li className={styles.time}>{new Date(time * 1000).toLocaleString("en-GB")}</li>}
      </ul>
      <div
        ref={host}
        className={styles.host}
        style={{ minHeight: height }}
        role="img"
        aria-label={`${label} over time`}
        aria-description={chartText(course)}
      />
    </div>
  );
}

/** Of what is stacked the tops, the highest first: each is painted over those that reach higher. */
function data(course: Course, form: Form): uPlot.AlignedData {
  const { times, series } = course;
  if (form === "lines") return [times, ...series.map((line) => line.values)];
  const tops = stacked(course).reverse();
  // A bar of no height would be a line.
  return [times, ...(form === "bars" ? tops.map((values) => values.map((value) => value || null)) : tops)];
}

/** How a line looks: an earlier time and a limit always the same. */
function markOf({ before, isLimit }: Series, place: number): Mark {
  const mark = markAt(place);
  return isLimit ? { ...mark, color: "--error", dash: [] } : before ? { ...mark, dash: [4, 4] } : mark;
}

function options(
  element: HTMLElement,
  course: Course,
  form: Form,
  onCursor: (at: number | null) => void,
  onRange: Props["onRange"],
): uPlot.Options {
  const { unit, step, series } = course;
  const color = colorsOf(element);
  const axis = { stroke: color("--muted"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false } };
  const font = "11px system-ui, sans-serif";
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    padding: [8, 18, 0, 0],
    cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
    scales: {
      ...(form === "bars" && { x: { range: (_, min, max): [number, number] => [min, max + step] } }),
      y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] },
    },
    axes: [
      { ...axis, font, size: 26, space: 70, values: timeLabels(course) },
      {
        ...axis,
        font,
        size: (_, labels) => axisWidth(labels),
        space: 34,
        values: (_, splits) => splits.map((value) => formatValue(value, unit)),
      },
    ],
    series: [
      {},
      ...(form === "lines"
        ? series.map((line, place) => {
            const { color: token, dash } = markOf(line, place);
            const stroke = color(token);
            const fill = series.length === 1 ? `color-mix(in srgb, ${stroke} 14%, transparent)` : undefined;
            return {
              label: line.label,
              stroke,
              width: 1.6,
              points: { show: true, filter: lonelyIn },
              ...(fill && { fill }),
              ...(dash.length > 0 && { dash }),
            };
          })
        : series
            .map((line, place) => {
              const { color: token, hatch } = markOf(line, place);
              const stroke = color(token);
              const light = `color-mix(in srgb, ${stroke} ${form === "bars" ? 55 : 35}%, ${color("--surface")})`;
              const fill = ({ ctx }: uPlot) => hatched(ctx, stroke, light, hatch);
              const paths = form === "bars" ? uPlot.paths.bars?.({ size: [0.8, 60], align: 1 }) : undefined;
              return { label: line.label, stroke, fill, width: 1, points: { show: false }, ...(paths && { paths }) };
            })
            .reverse()),
    ],
    hooks: {
      setCursor: [(chart) => onCursor(chart.cursor.idx ?? null)],
      ready: [
        (chart) =>
          chart.over.addEventListener("click", () => {
            const at = chart.cursor.idx;
            const time = at === null || at === undefined ? undefined : chart.data[0][at];
            if (time !== undefined && chart.select.width < DRAG) onRange(time, time + step, "click");
          }),
      ],
      setSelect: [
        (chart) => {
          const { left, width } = chart.select;
          if (width < DRAG) return;
          const [from, to] = [chart.posToVal(left, "x"), chart.posToVal(left + width, "x")];
          onRange(Math.floor(from / step) * step, Math.ceil(to / step) * step, "drag");
        },
      ],
    },
  };
}

/** The places of values that no line leads to: nothing is drawn of them but a point. */
function lonelyIn({ data }: uPlot, series: number): number[] {
  const values = [...(data[series] ?? [])];
  return values.flatMap((value, at) => (value != null && values[at - 1] == null && values[at + 1] == null ? [at] : []));
}

/** What the labels beside a chart take, in pixels: as much in every chart, but where a large number needs more. */
export function axisWidth(labels: readonly string[] | null): number {
  const longest = Math.max(0, ...(labels ?? []).map((label) => label.length));
  return Math.max(62, 12 + 7 * longest);
}

function isByHour({ times, step }: Course): boolean {
  return times.length * step <= 2 * DAY_SECONDS;
}

const format = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat("en-GB", options);
const [SECOND, MINUTE, DAY, MONTH] = [
  format({ hour: "2-digit", minute: "2-digit", second: "2-digit" }),
  format({ hour: "2-digit", minute: "2-digit" }),
  format({ day: "numeric", month: "short" }),
  format({ month: "short", year: "numeric" }),
];
const DAY_SECONDS = 86_400;

/** What tells points of time apart that are so many seconds apart, in the local zone; beyond two days where a day begins. */
function timeLabels(course: Course): uPlot.Axis.Values {
  const withDays = !isByHour(course);
  return (_, splits, __, ___, apart) =>
    splits.map((seconds) => {
      const time = new Date(seconds * 1000);
      if (apart >= 28 * DAY_SECONDS) return MONTH.format(time);
      if (apart >= DAY_SECONDS) return DAY.format(time);
      const clock = (apart < 60 ? SECOND : MINUTE).format(time);
      return withDays && clock === "00:00" ? DAY.format(time) : clock;
    });
}

/** The tokens' colours as a canvas takes them: resolved for the theme on show. */
function colorsOf(element: HTMLElement): (token: string) => string {
  return (token) => {
    const probe = document.createElement("span");
    probe.style.color = `var(${token})`;
    element.append(probe);
    const color = getComputedStyle(probe).color;
    probe.remove();
    return color;
  };
}
