import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useId, useState } from "react";
import { Button, Form } from "react-aria-components";
import { deleteProject, renameProject, type Wire } from "../../api/client";
import { problemOf } from "../../api/errors";
import { projectDetailsQuery } from "../../app/queries";
import { Unsaved } from "../../app/Unsaved";
import { useDraft } from "../../app/useDraft";
import { DEFAULT_PROJECT } from "../../model/filters";
import { meanwhileOf } from "../../model/meanwhile";
import { ConfirmButton } from "../../ui/ConfirmButton";
import controls from "../../ui/controls.module.css";
import { Failure } from "../../ui/Failure";
import { Field } from "../../ui/Field";
import { MeanwhileNotice } from "../../ui/MeanwhileNotice";
import { Retention } from "./Retention";
import styles from "./settings.module.css";

type Project = Wire["ProjectDetail"];

/** A project's title, how long its data is kept, and its end. */
export function ThisProject({ project }: { project: string }) {
  const { data } = useQuery(projectDetailsQuery);
  const kept = data?.find(({ name }) => name === project);
  const aboutName = useId();
  const aboutLoss = useId();
  return (
    <div className={styles.parts}>
      <section aria-label="Title">
        <h2>Title</h2>
        <p id={aboutName}>The name {project} stays: clients and stored data carry it.</p>
        {kept && <Title kept={kept} told={aboutName} />}
      </section>
      <section aria-label="Retention">
        <h2>Kept for</h2>
        <Retention project={project} />
      </section>
      <section aria-label="Delete">
        <h2>{project === DEFAULT_PROJECT ? "Empty this project" : "Delete this project"}</h2>
        <p id={aboutLoss}>All its spans, scores, logs, metrics and keys go for good.</p>
        <Deletion project={project} told={aboutLoss} />
      </section>
    </div>
  );
}

function Title({ kept, told }: { kept: Project; told: string }) {
  const client = useQueryClient();
  const { draft: text, setDraft: setText, begun, initial, begin, saved } = useDraft(kept, titleOf);
  const isChanged = text.trim() !== initial;
  const { queryKey } = projectDetailsQuery;
  const rename = useMutation({
    mutationFn: ({ over, sent }: { over: Project; sent: string }) => renameProject(over, sent.trim()),
    onSuccess: async (now, { sent }) => {
      // An answer that was on its way tells of before.
      await client.cancelQueries({ queryKey });
      client.setQueryData(queryKey, (all) => all?.map((each) => (each.name === now.name ? now : each)));
      saved(now, sent);
    },
    onError: () => client.invalidateQueries({ queryKey }),
  });
  const meanwhile = rename.isPending ? null : meanwhileOf(begun, kept);
  return (
    <Form
      className={controls.form}
      onSubmit={(event) => {
        event.preventDefault();
        if (!rename.isPending) rename.mutate({ over: begun ?? kept, sent: text });
      }}
    >
      <Unsaved when={isChanged} />
      <Field
        label="Title"
        value={text}
        onChange={setText}
        maxLength={200}
        aria-describedby={told}
        problem={problemOf(rename.error, "title")}
        input={{ placeholder: kept.name }}
      />
      <Button
        type="submit"
        className={controls.button}
        isDisabled={!isChanged || meanwhile !== null}
        data-pending={rename.isPending || undefined}
      >
        Rename
      </Button>
      <MeanwhileNotice
        state={meanwhile}
        save={rename}
        onShow={() => begin(kept)}
        onSave={() => rename.mutate({ over: kept, sent: text })}
      />
    </Form>
  );
}

function titleOf(kept: Project | null): string {
  return kept?.title ?? "";
}

function Deletion({ project, told }: { project: string; told: string }) {
  const client = useQueryClient();
  const navigate = useNavigate({ from: "/settings" });
  const [typed, setTyped] = useState("");
  const remove = useMutation({
    mutationFn: () => deleteProject(project),
    onSuccess: () => {
      setTyped("");
      // What is asked about the project itself is not there any more.
      client.invalidateQueries({ predicate: ({ queryKey }) => !queryKey.includes(project) });
      navigate({ search: { tab: "projects" } });
    },
  });
  return (
    <Form className={controls.form} onSubmit={(event) => event.preventDefault()}>
      <Field
        label={`Type ${project} to confirm`}
        value={typed}
        onChange={setTyped}
        aria-describedby={told}
        autoComplete="off"
        input={{ spellCheck: false }}
      />
      <ConfirmButton
        label="Delete"
        what={`the project ${project} with all that is in it`}
        isDisabled={typed !== project}
        isPending={remove.isPending}
        onConfirm={() => remove.mutate()}
      />
      {remove.isPending && <p role="status">Deleting…</p>}
      {remove.error && <Failure error={remove.error} />}
    </Form>
  );
}
