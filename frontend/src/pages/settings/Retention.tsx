import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { FieldError, Form, Input, Label, TextField } from "react-aria-components";
import { setRetention, type Wire } from "../../api/client";
import { retentionQuery } from "../../app/queries";
import { differs, Unsaved } from "../../app/Unsaved";
import { daysOf, KEPT, type Kept } from "../../model/administration";
import { ConfirmButton } from "../../ui/ConfirmButton";
import controls from "../../ui/controls.module.css";
import { Failure } from "../../ui/Failure";
import { Loading } from "../../ui/Page";
import { Time } from "../../ui/Time";
import styles from "./settings.module.css";

/** For how many days each kind of a project's data is kept; what is empty is as the server says. */
export function Retention({ project }: { project: string }) {
  const query = useQuery(retentionQuery(project));
  if (query.error && !query.data) return <Failure error={query.error} />;
  if (!query.data) return <Loading what="retention" />;
  return <Choice project={project} kept={query.data} />;
}

function Choice({ project, kept }: { project: string; kept: Wire["RetentionDetail"] }) {
  const client = useQueryClient();
  const [typed, setTyped] = useState<Partial<Record<Kept, string>>>({});
  const chosen = Object.fromEntries(
    Object.keys(KEPT).map((kind) => [kind, kept.chosen[kind as Kept]?.toString() ?? ""]),
  ) as Record<Kept, string>;
  const days = { ...chosen, ...typed };
  const form = useRef<HTMLFormElement>(null);
  const save = useMutation({
    mutationFn: () => setRetention(project, daysOf(days)),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: retentionQuery(project).queryKey });
      setTyped({});
    },
  });
  return (
    <Form ref={form} className={controls.form} aria-label="Retention" onSubmit={(event) => event.preventDefault()}>
      <Unsaved when={differs(days, chosen)} />
      {Object.entries(KEPT).map(([kind, label]) => (
        <TextField
          key={kind}
          type="number"
          value={days[kind as Kept]}
          onChange={(text) => setTyped({ ...typed, [kind]: text })}
        >
          <Label>{label}</Label>
          <Input min={0} max={36_500} placeholder={hint(kept.days?.[kind as Kept])} />
          <FieldError className={controls.problem} />
        </TextField>
      ))}
      <ConfirmButton
        label="Save days"
        what={`of ${project}; what is older goes for good`}
        // What is no number is an empty text here, and would be taken for none.
        onConfirm={() => form.current?.checkValidity() && save.mutate()}
      />
      {save.error && <Failure error={save.error} />}
      <p className={styles.hint}>
        Days; 0 keeps for ever, empty is as the server says.
        {kept.applied_at && (
          <>
            {" "}
            Last applied <Time iso={kept.applied_at} />.
          </>
        )}
      </p>
    </Form>
  );
}

function hint(days: number | null | undefined): string {
  return days === undefined ? "" : days === null || days === 0 ? "for ever" : String(days);
}
