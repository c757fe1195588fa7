import { useQuery } from "@tanstack/react-query";
import { Checkbox, CheckboxGroup, Text } from "react-aria-components";
import { channelsQuery } from "../../app/alertQueries";
import controls from "../../ui/controls.module.css";
import { Field } from "../../ui/Field";
import field from "../../ui/field.module.css";
import { Label } from "../../ui/Label";

interface NameProps {
  name: string;
  placeholder: string;
  onChange: (name: string) => void;
}

/** What a rule or a budget is called. */
export function NameField({ name, placeholder, onChange }: NameProps) {
  return (
    <Field boxed label="Name" value={name} onChange={onChange} maxLength={200} input={{ placeholder, size: 28 }} />
  );
}

interface Common {
  channels: string[];
  enabled: boolean;
  all_projects: boolean;
}

/** Who is told by a rule or a budget, and where it holds. */
export function CommonFields({ draft, onChange }: { draft: Common; onChange: (changes: Partial<Common>) => void }) {
  const { data } = useQuery(channelsQuery);
  const names = [...new Set([...(data?.channels ?? []).map(({ name }) => name), ...draft.channels])];
  return (
    <>
      <CheckboxGroup className={controls.checks} value={draft.channels} onChange={(channels) => onChange({ channels })}>
        <Label className={field.label ?? ""}>Tells</Label>
        {names.length === 0 && <Text slot="description">nobody: add a channel first, in the tab Channels</Text>}
        {names.map((name) => (
          <Checkbox key={name} value={name} className={controls.check}>
            {name}
          </Checkbox>
        ))}
      </CheckboxGroup>
      <div className={controls.checks}>
        <Checkbox
          className={controls.check}
          isSelected={draft.all_projects}
          onChange={(all_projects) => onChange({ all_projects })}
        >
          In every project, each by itself
        </Checkbox>
        <Checkbox className={controls.check} isSelected={draft.enabled} onChange={(enabled) => onChange({ enabled })}>
          Switched on
        </Checkbox>
      </div>
    </>
  );
}
