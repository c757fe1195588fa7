import { useState } from "react";
import { Input, Label, TextField } from "react-aria-components";
import { saveBudget, type Wire } from "../../api/client";
import { differs } from "../../app/Unsaved";
import { FilterInput } from "../../filter/FilterInput";
import { PERIODS, readThresholds, SUBJECTS } from "../../model/alerts";
import { inProject, type ViewSearch } from "../../model/filters";
import field from "../../ui/field.module.css";
import { optionsOf, Select } from "../../ui/Select";
import styles from "./alerts.module.css";
import { CommonFields, NameField } from "./CommonFields";
import { EditForm, useSave } from "./EditForm";
import { filterError } from "./filterError";

interface Props {
  project: string;
  /** Null for a new one. */
  id: string | null;
  initial: Wire["NewBudget"];
  onDone: () => void;
}

type Terms = Wire["BudgetTerms"];

const METRICS = { cost: "US dollars", tokens: "Tokens" } as const;
const LIMIT = /^\d{1,12}(\.\d{1,12})?$/;

/** A budget as it is written. */
export function BudgetForm({ project, id, initial, onDone }: Props) {
  const [begun] = useState(initial);
  const [draft, setDraft] = useState(begun);
  const [thresholds, setThresholds] = useState(writtenThresholds(begun));
  const percents = readThresholds(thresholds);
  const save = useSave((terms: Terms) => saveBudget(project, id, { ...draft, name: draft.name.trim(), terms }), onDone);
  const { terms } = draft;
  const change = (changes: Partial<Terms>) => {
    save.reset();
    setDraft({ ...draft, terms: { ...terms, ...changes } });
  };
  const search: ViewSearch = { ...inProject(project), ...(terms.filter && { filter: terms.filter }) };
  const hasLimit = LIMIT.test(terms.limit) && Number(terms.limit) > 0;
  return (
    <EditForm
      label={id === null ? "New budget" : `Change ${initial.name}`}
      submit={id === null ? "Create budget" : "Save budget"}
      canSave={draft.name.trim() !== "" && percents !== null && hasLimit}
      isChanged={differs([draft, thresholds], [begun, writtenThresholds(begun)])}
      save={save}
      onSave={() => percents && save.mutate({ ...terms, thresholds: percents })}
      onDone={onDone}
    >
      <NameField name={draft.name} placeholder="Spend of the month" onChange={(name) => setDraft({ ...draft, name })} />
      <div className={styles.line}>
        <TextField
          className={field.field ?? ""}
          value={terms.limit}
          onChange={(limit) => change({ limit: limit.trim() })}
          isInvalid={!hasLimit}
        >
          <Label className={field.label ?? ""}>Limit</Label>
          <Input className={`${field.input} ${styles.number}`} inputMode="decimal" />
        </TextField>
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
          <TextField
            className={field.field ?? ""}
            value={terms.value ?? ""}
            onChange={(value) => change({ value: value || null })}
            maxLength={500}
          >
            <Label className={field.label ?? ""}>Only</Label>
            <Input className={field.input ?? ""} placeholder="each of them" size={14} spellCheck={false} />
          </TextField>
        )}
        <TextField
          className={field.field ?? ""}
          value={thresholds}
          onChange={setThresholds}
          isInvalid={percents === null}
        >
          <Label className={field.label ?? ""}>Tell at</Label>
          <Input className={field.input ?? ""} size={12} />
          <span className={styles.unit}>%</span>
        </TextField>
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

function writtenThresholds({ terms }: Wire["NewBudget"]): string {
  return terms.thresholds.join(", ");
}
