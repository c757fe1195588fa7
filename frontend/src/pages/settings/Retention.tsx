import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useId, useRef } from "react";
import { Form } from "react-aria-components";
import { setRetention, type Wire } from "../../api/client";
import { problemOf } from "../../api/errors";
import { retentionQuery } from "../../app/queries";
import { Unsaved } from "../../app/Unsaved";
import { useDraft } from "../../app/useDraft";
import { daysOf, KEPT, type Kept } from "../../model/administration";
import { meanwhileOf } from "../../model/meanwhile";
import { ConfirmButton } from "../../ui/ConfirmButton";
import controls from "../../ui/controls.module.css";
import { Failure } from "../../ui/Failure";
import { Field } from "../../ui/Field";
import { MeanwhileNotice } from "../../ui/MeanwhileNotice";
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
  const { draft: days, setDraft: setDays, begun, isChanged, begin, saved } = useDraft(kept, writtenDays);
  const form = useRef<HTMLFormElement>(null);
  const told = useId();
  const { queryKey } = retentionQuery(project);
  const save = useMutation({
    mutationFn: ({ over, sent }: { over: typeof begun; sent: typeof days }) =>
      setRetention(project, over, daysOf(sent)),
    onSuccess: async (now, { sent }) => {
      // An answer that was on its way tells of before.
      await client.cancelQueries({ queryKey });
      client.setQueryData(queryKey, now);
      saved(now, sent);
    },
    onError: () => client.invalidateQueries({ queryKey }),
  });
  const write = (typed: Partial<typeof days>) => {
    if (save.error) save.reset();
    setDays({ ...days, ...typed });
  };
  // What is no number is an empty text here, and would be taken for none.
  const submit = (over: typeof begun) => form.current?.checkValidity() && save.mutate({ over, sent: days });
  const meanwhile = save.isPending ? null : meanwhileOf(begun, kept);
  return (
    <Form ref={form} className={controls.form} aria-label="Retention" onSubmit={(event) => event.preventDefault()}>
      <Unsaved when={isChanged} />
      {Object.entries(KEPT).map(([kind, label]) => (
        <Field
          key={kind}
          label={label}
          type="number"
          value={days[kind as Kept]}
          onChange={(text) => write({ [kind]: text })}
          aria-describedby={told}
          problem={problemOf(save.error, kind)}
          input={{ min: 0, max: 36_500, placeholder: hint(kept.days?.[kind as Kept]) }}
        />
      ))}
      <ConfirmButton
        label="Save days"
        what={`of ${project}; what is older goes for good`}
        isDisabled={meanwhile !== null}
        isPending={save.isPending}
        onConfirm={() => submit(begun)}
      />
      <MeanwhileNotice state={meanwhile} save={save} onShow={() => begin(kept)} onSave={() => submit(kept)} />
      <p id={told} className={styles.hint}>
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

function writtenDays(kept: Wire["RetentionDetail"] | null): Record<Kept, string> {
  return Object.fromEntries(
    Object.keys(KEPT).map((kind) => [kind, kept?.chosen[kind as Kept]?.toString() ?? ""]),
  ) as Record<Kept, string>;
}

function hint(days: number | null | undefined): string {
  return days === undefined ? "" : days === null || days === 0 ? "for ever" : String(days);
}
