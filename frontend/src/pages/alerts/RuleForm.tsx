import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button, Form, Input, Label, NumberField, TextField } from "react-aria-components";
import { saveRule, type Wire } from "../../api/client";
import { ALERTS } from "../../app/alertQueries";
import { FilterInput } from "../../filter/FilterInput";
import {
  aggregationOf,
  formatMinutes,
  MISSING,
  OPERATORS,
  RULE_METRICS,
  readThreshold,
  ruleAggregations,
  thresholdUnit,
  unitOf,
  WAITS,
  WINDOWS,
  writtenThreshold,
} from "../../model/alerts";
import { inProject, type ViewSearch } from "../../model/filters";
import { Failure } from "../../ui/Failure";
import field from "../../ui/field.module.css";
import { Select } from "../../ui/Select";
import settings from "../settings/settings.module.css";
import styles from "./alerts.module.css";
import { CommonFields } from "./CommonFields";
import { filterError } from "./filterError";
import { RulePreview } from "./RulePreview";

interface Props {
  project: string;
  /** Null for a new one. */
  id: string | null;
  initial: Wire["NewRule"];
  onDone: () => void;
}

type Condition = Wire["RuleCondition"];

/** A rule as it is written, with what its metric was until now. */
export function RuleForm({ project, id, initial, onDone }: Props) {
  const client = useQueryClient();
  const [draft, setDraft] = useState(initial);
  const save = useMutation({
    mutationFn: () => saveRule(project, id, { ...draft, name: draft.name.trim() }),
    onSuccess: () => {
      client.invalidateQueries({ queryKey: ALERTS });
      onDone();
    },
  });
  const { condition } = draft;
  const change = (changes: Partial<Condition>) => {
    save.reset();
    setDraft({ ...draft, condition: { ...condition, ...changes } });
  };
  const aggregations = ruleAggregations(condition.metric);
  const compares = condition.metric !== "no_data";
  const search: ViewSearch = { ...inProject(project), ...(condition.filter && { filter: condition.filter }) };
  const wrongFilter = filterError(save.error);
  return (
    <Form
      className={styles.form}
      aria-label={id === null ? "New rule" : `Change ${initial.name}`}
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <TextField
        className={field.field ?? ""}
        value={draft.name}
        onChange={(name) => setDraft({ ...draft, name })}
        maxLength={200}
      >
        <Label className={field.label ?? ""}>Name</Label>
        <Input className={field.input ?? ""} placeholder="Errors in checkout" size={28} />
      </TextField>
      <div className={styles.line}>
        <Select<Condition["metric"]>
          label="When"
          value={condition.metric}
          options={Object.entries(RULE_METRICS).map(([name, label]) => ({ id: name as Condition["metric"], label }))}
          onChange={(metric) =>
            change({ metric, aggregation: null, ...(unitOf(metric) !== unitOf(condition.metric) && { threshold: 0 }) })
          }
        />
        {aggregations.length > 1 && (
          <Select
            label="As"
            value={aggregationOf(condition)}
            options={aggregations}
            onChange={(aggregation) => change({ aggregation })}
          />
        )}
        {condition.metric === "quality_score" && (
          <TextField
            className={field.field ?? ""}
            value={condition.score ?? ""}
            onChange={(score) => change({ score: score || null })}
            maxLength={200}
          >
            <Label className={field.label ?? ""}>Named</Label>
            <Input className={field.input ?? ""} placeholder="helpfulness" size={14} spellCheck={false} />
          </TextField>
        )}
        {compares && (
          <>
            <Select<Condition["operator"]>
              label="Value"
              value={condition.operator}
              options={options(OPERATORS)}
              onChange={(operator) => change({ operator })}
            />
            <NumberField
              className={field.field ?? ""}
              value={writtenThreshold(condition)}
              onChange={(written) =>
                change({ threshold: Number.isNaN(written) ? 0 : readThreshold(condition.metric, written) })
              }
              formatOptions={{ maximumFractionDigits: 6, useGrouping: false }}
            >
              <Label className={field.label ?? ""}>Threshold</Label>
              <Input className={`${field.input} ${styles.number}`} />
              <span className={styles.unit}>{thresholdUnit(condition)}</span>
            </NumberField>
          </>
        )}
        <MinuteSelect
          label="Over the last"
          value={condition.window_minutes}
          known={WINDOWS}
          onChange={(window_minutes) => change({ window_minutes })}
        />
      </div>
      <FilterInput
        search={search}
        error={wrongFilter}
        onCommit={(filter) => change({ filter: filter || null })}
        appliesOnLeave
      />
      <div className={styles.line}>
        <MinuteSelect
          label="Fires after"
          value={condition.for_minutes}
          known={WAITS}
          onChange={(for_minutes) => change({ for_minutes })}
        />
        <MinuteSelect
          label="Ends after"
          value={condition.recover_minutes}
          known={WAITS}
          onChange={(recover_minutes) => change({ recover_minutes })}
        />
        {compares && (
          <Select<Condition["missing"]>
            label="No measurement"
            value={condition.missing}
            options={options(MISSING)}
            onChange={(missing) => change({ missing })}
          />
        )}
      </div>
      <CommonFields draft={draft} onChange={(changes) => setDraft({ ...draft, ...changes })} />
      <RulePreview project={project} condition={condition} />
      {save.error && !wrongFilter && <Failure error={save.error} />}
      <div className={styles.line}>
        <Button type="submit" className={settings.button ?? ""} isDisabled={draft.name.trim() === "" || save.isPending}>
          {id === null ? "Create rule" : "Save rule"}
        </Button>
        <Button className={settings.button ?? ""} onPress={onDone}>
          Cancel
        </Button>
      </div>
    </Form>
  );
}

interface MinuteProps {
  label: string;
  value: number;
  known: readonly number[];
  onChange: (minutes: number) => void;
}

/** A choice of times, in which the one that was set over the API is too. */
function MinuteSelect({ label, value, known, onChange }: MinuteProps) {
  const minutes = [...new Set([...known, value])].sort((a, b) => a - b);
  return (
    <Select
      label={label}
      value={String(value)}
      options={minutes.map((each) => ({ id: String(each), label: each === 0 ? "at once" : formatMinutes(each) }))}
      onChange={(chosen) => onChange(Number(chosen))}
    />
  );
}

function options<K extends string>(labels: Record<K, string>): { id: K; label: string }[] {
  return Object.entries(labels).map(([id, label]) => ({ id: id as K, label: label as string }));
}
