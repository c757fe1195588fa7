import { saveBudget, type Wire } from "../../api/client";
import { problemOf } from "../../api/errors";
import { useDraft } from "../../app/useDraft";
import { FilterInput } from "../../filter/FilterInput";
import { budgetDraft, PERIODS, readThresholds, SUBJECTS } from "../../model/alerts";
import { inProject, type ViewSearch } from "../../model/filters";
import { meanwhileOf } from "../../model/meanwhile";
import { Field } from "../../ui/Field";
import { optionsOf, Select } from "../../ui/Select";
import styles from "./alerts.module.css";
import { CommonFields, NameField } from "./CommonFields";
import { EditForm, useSave } from "./EditForm";
import { filterError } from "./filterError";

interface Props {
  project: string;
  /** As it is kept now; null for a new one, and for one that is gone. */
  now: Wire["BudgetDetail"] | null;
  onDone: () => void;
}

type Terms = Wire["BudgetTerms"];

const METRICS = { cost: "US dollars", tokens: "Tokens" } as const;
const LIMIT = /^\d{1,12}(\.\d{1,12})?$/;

/** A budget as it is written. */
export function BudgetForm({ project, now, onDone }: Props) {
  const { draft, setDraft, begun, isChanged, begin } = useDraft(now, budgetDraft);
  const { percents, ...budget } = draft;
  const { terms } = budget;
  const thresholds = readThresholds(percents);
  const save = useSave((over: Props["now"]) => {
    const written = { ...terms, thresholds: thresholds ?? terms.thresholds };
    return saveBudget(project, over, { ...budget, name: budget.name.trim(), terms: written });
  }, onDone);
  const change = (changes: Partial<Terms>) => {
    if (save.error) save.reset();
    setDraft({ ...draft, terms: { ...terms, ...changes } });
  };
  const search: ViewSearch = { ...inProject(project), ...(terms.filter && { filter: terms.filter }) };
  const hasLimit = LIMIT.test(terms.limit) && Number(terms.limit) > 0;
  return (
    <EditForm
      label={begun ? `Change ${begun.name}` : "New budget"}
      submit={begun ? "Save budget" : "Create budget"}
      canSave={draft.name.trim() !== "" && thresholds !== null && hasLimit}
      isChanged={isChanged}
      save={save}
      meanwhile={meanwhileOf(begun, now)}
      onShowTheirs={() => begin(now)}
      onSave={(over) => save.mutate(over === "now" ? now : begun)}
      onDone={onDone}
    >
      <NameField name={draft.name} placeholder="Spend of the month" onChange={(name) => setDraft({ ...draft, name })} />
      <div className={styles.line}>
        <Field
          boxed
          label="Limit"
          value={terms.limit}
          onChange={(limit) => change({ limit: limit.trim() })}
          problem={hasLimit ? problemOf(save.error, "limit") : "More than 0, with a point, as in 99.50"}
          input={{ className: styles.number, inputMode: "decimal" }}
        />
        <Select<Terms["metric"]>
          label="In"
          value={terms.metric}
          options={optionsOf(METRICS)}
          onChange={(metric) => change({ metric })}
        />
        <Select<Terms["period"]>
          label="Each"
          value={terms.period}
          options={optionsOf(PERIODS).map(({ id: name, label }) => ({ id: name, label: label.replace("a ", "") }))}
          onChange={(period) => change({ period })}
        />
        <Select<Terms["subject"]>
          label="For"
          value={terms.subject}
          options={optionsOf(SUBJECTS)}
          onChange={(subject) => change({ subject, value: null })}
        />
        {terms.subject !== "project" && (
          <Field
            boxed
            label="Only"
            value={terms.value ?? ""}
            onChange={(value) => change({ value: value || null })}
            maxLength={500}
            problem={problemOf(save.error, "value")}
            input={{ placeholder: "each of them", size: 14, spellCheck: false }}
          />
        )}
        <Field
          boxed
          label="Tell at"
          value={percents}
          onChange={(written) => setDraft({ ...draft, percents: written })}
          hint="%"
          problem={thresholds === null && "Whole numbers from 1 to 1000, at most ten"}
          input={{ size: 12 }}
        />
      </div>
      <FilterInput
        search={search}
        error={filterError(save.error)}
        onCommit={(filter) => change({ filter: filter || null })}
        appliesOnLeave
      />
      <CommonFields draft={draft} onChange={(changes) => setDraft({ ...draft, ...changes })} />
    </EditForm>
  );
}
