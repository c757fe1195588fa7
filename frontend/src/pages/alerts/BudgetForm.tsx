import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button, Form, Input, Label, TextField } from "react-aria-components";
import { saveBudget, type Wire } from "../../api/client";
import { ALERTS } from "../../app/alertQueries";
import { FilterInput } from "../../filter/FilterInput";
import { PERIODS, readThresholds, SUBJECTS } from "../../model/alerts";
import { inProject, type ViewSearch } from "../../model/filters";
import { Failure } from "../../ui/Failure";
import field from "../../ui/field.module.css";
import { Select } from "../../ui/Select";
import settings from "../settings/settings.module.css";
import styles from "./alerts.module.css";
import { CommonFields } from "./CommonFields";
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
  const client = useQueryClient();
  const [draft, setDraft] = useState(initial);
  const [thresholds, setThresholds] = useState(initial.terms.thresholds.join(", "));
  const percents = readThresholds(thresholds);
  const save = useMutation({
    mutationFn: (terms: Terms) => saveBudget(project, id, { ...draft, name: draft.name.trim(), terms }),
    onSuccess: () => {
      client.invalidateQueries({ queryKey: ALERTS });
      onDone();
    },
  });
  const { terms } = draft;
  const change = (changes: Partial<Terms>) => {
    save.reset();
    setDraft({ ...draft, terms: { ...terms, ...changes } });
  };
  const search: ViewSearch = { ...inProject(project), ...(terms.filter && { filter: terms.filter }) };
  const wrongFilter = filterError(save.error);
  const hasLimit = LIMIT.test(terms.limit) && Number(terms.limit) > 0;
  return (
    <Form
      className={styles.form}
      aria-label={id === null ? "New budget" : `Change ${initial.name}`}
      onSubmit={(event) => {
        event.preventDefault();
        if (percents) save.mutate({ ...terms, thresholds: percents });
      }}
    >
      <TextField
        className={field.field ?? ""}
        value={draft.name}
        onChange={(name) => setDraft({ ...draft, name })}
        maxLength={200}
      >
        <Label className={field.label ?? ""}>Name</Label>
        <Input className={field.input ?? ""} placeholder="Spend of the month" size={28} />
      </TextField>
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
          options={options(METRICS)}
          onChange={(metric) => change({ metric })}
        />
        <Select<Terms["period"]>
          label="Each"
          value={terms.period}
          options={options(PERIODS).map(({ id: name, label }) => ({ id: name, label: label.replace("a ", "") }))}
          onChange={(period) => change({ period })}
        />
        <Select<Terms["subject"]>
          label="For"
          value={terms.subject}
          options={options(SUBJECTS)}
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
        error={wrongFilter}
        onCommit={(filter) => change({ filter: filter || null })}
        appliesOnLeave
      />
      <CommonFields draft={draft} onChange={(changes) => setDraft({ ...draft, ...changes })} />
      {save.error && !wrongFilter && <Failure error={save.error} />}
      <div className={styles.line}>
        <Button
          type="submit"
          className={settings.button ?? ""}
          isDisabled={draft.name.trim() === "" || percents === null || !hasLimit || save.isPending}
        >
          {id === null ? "Create budget" : "Save budget"}
        </Button>
        <Button className={settings.button ?? ""} onPress={onDone}>
          Cancel
        </Button>
      </div>
    </Form>
  );
}

function options<K extends string>(labels: Record<K, string>): { id: K; label: string }[] {
  return Object.entries(labels).map(([id, label]) => ({ id: id as K, label: label as string }));
}
