import { useQuery } from "@tanstack/react-query";
import type { Wire } from "../../api/client";
import { analyticsQuery } from "../../app/queries";
import { ChartCard } from "../../charts/ChartCard";
import { aggregationOf, measuredMetric, previewCourse, previewOf } from "../../model/alerts";
import { inProject } from "../../model/filters";
import styles from "./alerts.module.css";

/** What a rule's metric was until now, with its threshold: each point is one window. */
export function RulePreview({ project, condition }: { project: string; condition: Wire["RuleCondition"] }) {
  const metric = measuredMetric(condition.metric);
  const { range, interval } = previewOf(condition);
  const { data, error } = useQuery({
    ...analyticsQuery({ ...inProject(project), ...(condition.filter && { filter: condition.filter }) }, range, {
      metric: metric ?? "spans",
      aggregation: condition.metric === "no_data" ? "sum" : aggregationOf(condition),
      interval,
    }),
    enabled: metric !== null,
  });
  if (metric === null) return <p className={styles.note}>Scores are not drawn here.</p>;
  if (error) return null;
  const answered = data?.metric === metric ? data : undefined;
  return (
    <div className={styles.preview}>
      <ChartCard
        title={range === "24h" ? "The last day" : "The last month"}
        course={previewCourse(condition, answered)}
        height={120}
        onRange={() => undefined}
      />
    </div>
  );
}
