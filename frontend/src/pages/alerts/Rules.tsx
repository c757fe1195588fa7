import { useQuery } from "@tanstack/react-query";
import type { Wire } from "../../api/client";
import { rulesQuery } from "../../app/alertQueries";
import { conditionText, formatMeasured } from "../../model/alerts";
import { FoundTable } from "../../ui/DataTable";
import { Time } from "../../ui/Time";
import { whenEmpty } from "../../ui/whenEmpty";
import { AlertActions } from "./AlertActions";
import type { PartProps } from "./AlertsPage";
import styles from "./alerts.module.css";
import { EditOrNew } from "./EditOrNew";
import { RuleForm } from "./RuleForm";

/** The rules of a project, and how they stand. */
export function Rules(part: PartProps) {
  const { project, onEdit } = part;
  const query = useQuery(rulesQuery(project));
  return (
    <>
      <EditOrNew {...part} query={query} label="New rule" Form={RuleForm} />
      <FoundTable
        label={`Rules of ${project}`}
        columns={[
          { header: "Rule", cell: (rule: Wire["RuleDetail"]) => rule.name },
          { header: "State", cell: (rule) => <Standing rule={rule} /> },
          {
            header: "Now",
            number: true,
            cell: ({ condition, states }) => formatMeasured(condition.metric, states[0]?.value ?? null),
          },
          {
            header: "Fires when",
            cell: ({ condition, project: of }) => (
              <>
                {conditionText(condition)}
                {condition.filter && <code className={styles.filter}>{condition.filter}</code>}
                {of === null && <span className={styles.note}>, in every project</span>}
              </>
            ),
          },
          { header: "Tells", cell: ({ channels }) => channels.join(", ") || "nobody" },
          { header: "Actions", cell: (rule) => <AlertActions alert={rule} onEdit={() => onEdit(rule.id)} /> },
        ]}
        rows={query.data ?? []}
        getId={({ id }) => id}
        textOf={({ name }) => name}
        empty={whenEmpty(
          query,
          "rules",
          "No rule yet. One watches a metric and tells you when it crosses a threshold.",
        )}
      />
    </>
  );
}

function Standing({ rule }: { rule: Wire["RuleDetail"] }) {
  const state = rule.states[0];
  if (!rule.enabled) return <span className={styles.state}>off</span>;
  if (rule.error) {
    return (
      <span className={styles.state} data-state="pending" title={rule.error}>
        cannot be measured
      </span>
    );
  }
  if (!state) return <span className={styles.state}>not measured yet</span>;
  return (
    <span className={styles.state} data-state={state.status}>
      {state.status} since <Time iso={state.since} />
      {rule.silenced_until && new Date(rule.silenced_until) > new Date() && (
        <>
          , silent until <Time iso={rule.silenced_until} />
        </>
      )}
    </span>
  );
}
