import { IconThumbDown, IconThumbUp } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button, Form, Input, TextField } from "react-aria-components";
import { addScore, deleteScore, type Wire } from "../../api/client";
import { problemOf } from "../../api/errors";
import { traceQuery } from "../../app/queries";
import { Unsaved } from "../../app/Unsaved";
import type { Span } from "../../model/span";
import type { Trace } from "../../model/trace";
import { ConfirmButton } from "../../ui/ConfirmButton";
import { Failure } from "../../ui/Failure";
import { Field } from "../../ui/Field";
import { Time } from "../../ui/Time";
import styles from "./Scores.module.css";

type Score = Wire["Score"];

/** What of the URL says which span is judged. */
const OWN_SEARCH = ["project", "span", "tab"];

interface Props {
  trace: Trace;
  span: Span;
  scores: readonly Score[];
}

/** What the span was judged, and the trace as a whole; with feedback of one's own. */
export function Scores({ trace, span, scores }: Props) {
  const client = useQueryClient();
  const refresh = () => client.invalidateQueries({ queryKey: traceQuery(trace.project, trace.id).queryKey });
  const remove = useMutation({ mutationFn: (id: string) => deleteScore(trace.project, id), onSuccess: refresh });
  const shown = scores.filter((score) => score.span_id === null || score.span_id === span.id);
  return (
    <div className={styles.scores}>
      {shown.length === 0 && <p className={styles.none}>Not judged yet.</p>}
      <ul aria-label="Scores">
        {shown.map((score) => (
          <li key={score.id} className={styles.score}>
            <span>
              <strong>{score.name}</strong> {score.span_id === null && <em>of the whole trace</em>}
            </span>
            <strong className={styles.value}>{shownValue(score)}</strong>
            <span className={styles.by}>
              {score.author ?? score.source}, <Time iso={score.time} />
            </span>
            <ConfirmButton
              label="Delete"
              what={`the score ${score.name}`}
              isPending={remove.isPending}
              onConfirm={() => remove.mutate(score.id)}
            />
            {score.comment && <p>{score.comment}</p>}
          </li>
        ))}
      </ul>
      <Feedback trace={trace} span={span} onAdded={refresh} />
      {remove.error && <Failure error={remove.error} />}
    </div>
  );
}

function Feedback({ trace, span, onAdded }: Omit<Props, "scores"> & { onAdded: () => void }) {
  const [name, setName] = useState("feedback");
  const [value, setValue] = useState("");
  const [comment, setComment] = useState("");
  const add = useMutation({
    mutationFn: (judged: Pick<Wire["NewScore"], "value" | "label" | "data_type">) =>
      addScore(trace.project, {
        ...judged,
        name,
        comment: comment.trim() || null,
        trace_id: trace.id,
        span_id: span.id,
        session_id: null,
        id: null,
        source: "page",
        time: null,
      }),
    onSuccess: () => {
      setValue("");
      setComment("");
      onAdded();
    },
  });
  const judge = (good: boolean) =>
    add.isPending || add.mutate({ value: good ? 1 : 0, label: null, data_type: "boolean" });
  return (
    <Form
      className={styles.form}
      onSubmit={(event) => {
        event.preventDefault();
        if (value.trim() !== "" && !add.isPending) add.mutate(judgementOf(value.trim()));
      }}
    >
      <Unsaved when={value !== "" || comment !== ""} of={OWN_SEARCH} />
      <h3>Add feedback</h3>
      <Field
        label="Name"
        value={name}
        onChange={setName}
        isRequired
        maxLength={200}
        problem={problemOf(add.error, "name")}
        input={{ spellCheck: false }}
      />
      <Field
        label="Comment"
        value={comment}
        onChange={setComment}
        problem={problemOf(add.error, "comment")}
        input={{ placeholder: "optional" }}
      />
      <div className={styles.judge}>
        <Button
          className={styles.button}
          isDisabled={!name}
          data-pending={add.isPending || undefined}
          onPress={() => judge(true)}
        >
          <IconThumbUp size={15} stroke={1.6} aria-hidden /> Good
        </Button>
        <Button
          className={styles.button}
          isDisabled={!name}
          data-pending={add.isPending || undefined}
          onPress={() => judge(false)}
        >
          <IconThumbDown size={15} stroke={1.6} aria-hidden /> Bad
        </Button>
        <span>or</span>
        <TextField value={value} onChange={setValue} aria-label="Value">
          <Input placeholder="0.8 or a word" spellCheck={false} />
        </TextField>
        <Button
          type="submit"
          className={styles.button}
          isDisabled={!name || value.trim() === ""}
          data-pending={add.isPending || undefined}
        >
          Add
        </Button>
      </div>
      {add.error && <Failure error={add.error} />}
    </Form>
  );
}

/** A number is a numeric score, anything else a category. */
function judgementOf(text: string): Pick<Wire["NewScore"], "value" | "label" | "data_type"> {
  const number = Number(text);
  return Number.isFinite(number)
    ? { value: number, label: null, data_type: "numeric" }
    : { value: null, label: text, data_type: "categorical" };
}

function shownValue({ data_type, value, label }: Score): string {
  if (data_type === "boolean") return value === 1 ? "good" : "bad";
  return label ?? String(value);
}
