import { useQuery } from "@tanstack/react-query";
import { Meter } from "react-aria-components";
import type { Wire } from "../../api/client";
import { budgetsQuery } from "../../app/alertQueries";
import { useSought } from "../../app/useSought";
import { formatSpent, gravity, termsText } from "../../model/alerts";
import { formatPercent } from "../../model/format";
import { Label } from "../../ui/Label";
import { Time } from "../../ui/Time";
import { useFinder } from "../../ui/useFinder";
import { AlertActions } from "./AlertActions";
import type { PartProps } from "./AlertsPage";
import styles from "./alerts.module.css";
import { BudgetForm } from "./BudgetForm";
import { EditOrNew } from "./EditOrNew";

/** Subjects of one budget that are shown. */
const SHOWN = 8;

/** The budgets of a project, and how much of them is spent. */
export function Budgets(part: PartProps) {
  const { project, onEdit } = part;
  const query = useQuery(budgetsQuery(project));
  const { shown, field, rest } = useFinder(query.data ?? [], ({ name }) => name, useSought("find"));
  return (
    <>
      <EditOrNew {...part} query={query} label="New budget" Form={BudgetForm} />
      {query.data?.length === 0 && (
        <p className={styles.note}>No budget yet. One tells you when so much of what may be spent is spent.</p>
      )}
      {field}
      {shown.map((budget) => (
        <section key={budget.id} className={styles.budget} aria-label={budget.name}>
          <header>
            <h2>{budget.name}</h2>
            <span className={styles.note}>
              {termsText(budget.terms)}
              {budget.project === null && ", in every project"}
              {!budget.enabled && ", off"}
            </span>
            <AlertActions alert={budget} onEdit={() => onEdit(budget.id)} />
          </header>
          {budget.error && <p className={styles.note}>Cannot be measured: {budget.error}</p>}
          {budget.states.slice(0, SHOWN).map((state) => (
            <Spent key={state.subject} terms={budget.terms} state={state} />
          ))}
          {budget.states.length === 0 && !budget.error && <p className={styles.note}>Nothing is spent yet.</p>}
          {budget.states.length > SHOWN && (
            <p className={styles.note}>and {budget.states.length - SHOWN} who have spent less</p>
          )}
        </section>
      ))}
      {rest}
    </>
  );
}

function Spent({ terms, state }: { terms: Wire["BudgetTerms"]; state: Wire["BudgetState"] }) {
  const spent = formatSpent(terms.metric, Number(state.spent));
  const limit = formatSpent(terms.metric, Number(terms.limit));
  const said = `${spent} of ${limit}, ${formatPercent(state.share)}`;
  return (
    <Meter
      className={styles.meter ?? ""}
      value={Math.min(state.share, 1) * 100}
      valueLabel={said}
      data-state={gravity(state.share)}
    >
      <Label className={styles.subject ?? ""}>{state.subject ?? "The project"}</Label>
      <div className={styles.bar}>
        <div style={{ width: `${Math.min(state.share, 1) * 100}%` }} />
        {terms.thresholds
          .filter((threshold) => threshold < 100)
          .map((threshold) => (
            <span key={threshold} style={{ left: `${threshold}%` }} />
          ))}
      </div>
      <span className={styles.said}>{said}</span>
      <span className={styles.note}>
        {state.forecast !== null && `${formatSpent(terms.metric, state.forecast)} at this pace by `}
        {state.forecast === null && "until "}
        <Time iso={state.to} full />
      </span>
    </Meter>
  );
}
