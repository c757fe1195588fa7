import { useQuery } from "@tanstack/react-query";
import type { Wire } from "../../api/client";
import { scoresQuery } from "../../app/alertQueries";
import { analyticsQuery } from "../../app/queries";
import { ChartCard } from "../../charts/ChartCard";
import { aggregationOf, measuredMetric, previewCourse, previewOf, scoreCourse } from "../../model/alerts";
import type { Course } from "../../model/analytics";
import type { Metric } from "../../model/explore";
import { inProject } from "../../model/filters";
import styles from "./alerts.module.css";

interface Props {
  project: string;
  condition: Wire["RuleCondition"];
}

/** What a rule's metric was until now, with its threshold: each point is one window. */
export function RulePreview({ project, condition }: Props) {
  const metric = measuredMetric(condition.metric);
  if (metric !== null) return <MetricPreview project={project} condition={condition} metric={metric} />;
  if (condition.filter) return <p className={styles.note}>Scores that a filter chooses are not drawn here.</p>;
  return condition.score && <ScorePreview project={project} condition={condition} name={condition.score} />;
}

function MetricPreview({ project, condition, metric }: Props & { metric: Metric }) {
  const { range, interval } = previewOf(condition);
  const { data, error } = useQuery(
    analyticsQuery({ ...inProject(project), ...(condition.filter && { filter: condition.filter }) }, range, {
      metric,
      aggregation: condition.metric === "no_data" ? "sum" : aggregationOf(condition),
      interval,
    }),
  );
  if (error) return null;
  return <Preview range={range} course={previewCourse(condition, data?.metric === metric ? data : undefined)} />;
}

function ScorePreview({ project, condition, name }: Props & { name: string }) {
  const { range } = previewOf(condition);
  const { data, error } = useQuery(scoresQuery(project, name, range));
  if (error) return null;
  return <Preview range={range} course={data ? scoreCourse(condition, data) : null} />;
}

function Preview({ range, course }: { range: string; course: Course | null }) {
  return (
    <div className={styles.preview}>
      <ChartCard
        title={range === "24h" ? "The last day" : "The last month"}
        course={course}
        height={120}
        onRange={() => undefined}
      />
    </div>
  );
}
