import { Input, NumberField, Text } from "react-aria-components";
import { saveRule, type Wire } from "../../api/client";
import { problemOf } from "../../api/errors";
import { useDraft } from "../../app/useDraft";
import { FilterInput } from "../../filter/FilterInput";
import {
  aggregationOf,
  formatMinutes,
  MISSING,
  OPERATORS,
  RULE_METRICS,
  readThreshold,
  ruleAggregations,
  ruleDraft,
  thresholdUnit,
  unitOf,
  WAITS,
  WINDOWS,
  writtenThreshold,
} from "../../model/alerts";
import { inProject, type ViewSearch } from "../../model/filters";
import { meanwhileOf } from "../../model/meanwhile";
import { Field } from "../../ui/Field";
import field from "../../ui/field.module.css";
import { Label } from "../../ui/Label";
import { optionsOf, Select } from "../../ui/Select";
import styles from "./alerts.module.css";
import { CommonFields, NameField } from "./CommonFields";
import { EditForm, useSave } from "./EditForm";
import { filterError } from "./filterError";
import { RulePreview } from "./RulePreview";

interface Props {
  project: string;
  /** As it is kept now; null for a new one, and for one that is gone. */
  now: Wire["RuleDetail"] | null;
  onDone: () => void;
}

type Condition = Wire["RuleCondition"];

/** A rule as it is written, with what its metric was until now. */
export function RuleForm({ project, now, onDone }: Props) {
  const { draft, setDraft, begun, isChanged, begin } = useDraft(now, ruleDraft);
  const save = useSave((over: Props["now"]) => saveRule(project, over, { ...draft, name: draft.name.trim() }), onDone);
  const { condition } = draft;
  const change = (changes: Partial<Condition>) => {
    if (save.error) save.reset();
    setDraft({ ...draft, condition: { ...condition, ...changes } });
  };
  const aggregations = ruleAggregations(condition.metric);
  const compares = condition.metric !== "no_data";
  const search: ViewSearch = { ...inProject(project), ...(condition.filter && { filter: condition.filter }) };
  return (
    <EditForm
      label={begun ? `Change ${begun.name}` : "New rule"}
      submit={begun ? "Save rule" : "Create rule"}
      canSave={draft.name.trim() !== ""}
      isChanged={isChanged}
      save={save}
      meanwhile={meanwhileOf(begun, now)}
      onShowTheirs={() => begin(now)}
      onSave={(over) => save.mutate(over === "now" ? now : begun)}
      onDone={onDone}
    >
      <NameField name={draft.name} placeholder="Errors in checkout" onChange={(name) => setDraft({ ...draft, name })} />
      <div className={styles.line}>
        <Select<Condition["metric"]>
          label="When"
          value={condition.metric}
          options={optionsOf(RULE_METRICS)}
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
          <Field
            boxed
            label="Named"
            value={condition.score ?? ""}
            onChange={(score) => change({ score: score || null })}
            maxLength={200}
            problem={problemOf(save.error, "score")}
            input={{ placeholder: "helpfulness", size: 14, spellCheck: false }}
          />
        )}
        {compares && (
          <>
            <Select<Condition["operator"]>
              label="Value"
              value={condition.operator}
              options={optionsOf(OPERATORS)}
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
              <Text slot="description" className={styles.unit}>
                {thresholdUnit(condition)}
              </Text>
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
        error={filterError(save.error)}
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
            options={optionsOf(MISSING)}
            onChange={(missing) => change({ missing })}
          />
        )}
      </div>
      <CommonFields draft={draft} onChange={(changes) => setDraft({ ...draft, ...changes })} />
      <RulePreview project={project} condition={condition} />
    </EditForm>
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
