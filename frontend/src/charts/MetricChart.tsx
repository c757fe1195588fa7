import { useQuery } from "@tanstack/react-query";
import type { Wire } from "../api/client";
import { metricQuery } from "../app/signalQueries";
import type { Form } from "../model/explore";
import type { RangeName, ViewSearch } from "../model/filters";
import { largestLines, type MetricQuestion, metricCourse } from "../model/metrics";
import { ChartCard } from "./ChartCard";

interface Props {
  title: string;
  metric: Wire["MetricDetail"];
  asked: MetricQuestion;
  search: ViewSearch;
  /** The range where the search names none. */
  otherwise: RangeName;
  form?: Form;
  height?: number;
  onRange: (range: { from: string; to: string }) => void;
}

/** The most lines of a chart. */
const LINES = 10;

/** A metric that was sent over OTLP, over time; of many lines the largest. */
export function MetricChart({ title, metric, asked, search, otherwise, onRange, ...look }: Props) {
  const { data, isError } = useQuery(metricQuery(search, otherwise, { name: metric.name, ...asked }));
  const course = data ? metricCourse(data.result, data, metric.unit, asked) : null;
  return (
    <ChartCard
      title={title}
      course={course && largestLines(course, LINES)}
      failed={isError}
      onRange={onRange}
      {...look}
    />
  );
}
