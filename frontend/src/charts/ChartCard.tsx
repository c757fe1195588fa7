import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "react-aria-components";
import { type Course, formatValue, partOf, type Range, type Series } from "../model/analytics";
import type { Form } from "../model/explore";
import type { ViewSearch } from "../model/filters";
import { allOf } from "../model/filterText";
import { Time } from "../ui/Time";
import tables from "../ui/table.module.css";
import { Chart } from "./Chart";
import styles from "./ChartCard.module.css";

/** Heights of the chart and of the legend above it, in pixels. */
const HEIGHT = 150;
const LEGEND = 19;

interface Props {
  title: string;
  /** Null until it is there. */
  course: Course | null;
  /** Whether it could not be had. */
  failed?: boolean;
  /** The view whose spans the numbers are of; without it they lead nowhere. */
  search?: ViewSearch;
  /** What the chart measures beyond the view's filter. */
  filter?: string;
  form?: Form;
  /** Of the chart, in pixels. */
  height?: number;
  /** A stretch was chosen to look at closer. */
  onRange: (range: Range) => void;
}

/** A chart with its title, and the same numbers as a table; each of them leads to its spans. */
export function ChartCard({
  title,
  course,
  failed = false,
  search,
  filter,
  form = "lines",
  height = HEIGHT,
  onRange,
}: Props) {
  const [asTable, setAsTable] = useState(false);
  const navigate = useNavigate();
  const spansIn = (course: Course, time: number, line?: Series): ViewSearch => {
    const start = time - (line?.before?.seconds ?? 0);
    return {
      ...(search?.project ? { project: search.project } : {}),
      filter: allOf(search?.filter, filter, line?.filter),
      ...partOf(line?.before ?? course, start, start + course.step),
    };
  };
  const empty = course?.series.every((line) => line.values.every((value) => !value));
  return (
    <section className={styles.card} aria-label={title}>
      <div className={styles.head}>
        <h2>{title}</h2>
        {course && !empty && (
          <Button
            className={styles.toggle}
            aria-label={`${title} as a ${asTable ? "chart" : "table"}`}
            onPress={() => setAsTable((shown) => !shown)}
          >
            {asTable ? "Chart" : "Table"}
          </Button>
        )}
      </div>
      {(!course || empty) && (
        <p className={styles.none} style={{ height: height + LEGEND }}>
          {course ? "Nothing in this time." : failed ? "Could not be loaded." : "Loading…"}
        </p>
      )}
      {course && !empty && !asTable && (
        <Chart
          label={title}
          course={course}
          form={form}
          height={height}
          onRange={(from, to, how) => {
            if (how === "drag") onRange(partOf(course, from, to));
            else if (search) navigate({ to: "/spans", search: spansIn(course, from) });
          }}
        />
      )}
      {course && !empty && asTable && (
        <section
          className={styles.table}
          style={{ height: height + LEGEND }}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, which the keyboard must reach
          tabIndex={0}
          aria-label={`${title} as a table`}
        >
          <table className={tables.table}>
            <thead>
              <tr>
                <th scope="col">From</th>
                {course.series.map((line, place) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: lines are told apart by their places
                  <th key={place} scope="col" data-number>
                    {line.label || "none"}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {course.times
                .map((time, at) => ({ time, at }))
                .filter(({ at }) => course.series.some((line) => line.values[at]))
                .map(({ time, at }) => (
                  <tr key={time}>
                    <th scope="row">
                      <Time iso={new Date(time * 1000).toISOString()} full />
                    </th>
                    {course.series.map((line, place) => (
                      // biome-ignore lint/suspicious/noArrayIndexKey: lines are told apart by their places
                      <td key={place} data-number>
                        {search ? (
                          <Link to="/spans" search={spansIn(course, time, line)}>
                            {formatValue(line.values[at], course.unit)}
                          </Link>
                        ) : (
                          formatValue(line.values[at], course.unit)
                        )}
                      </td>
                    ))}
                  </tr>
                ))}
            </tbody>
          </table>
        </section>
      )}
    </section>
  );
}
