import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { Button, Form, Input, Label, TextField } from "react-aria-components";
import { deleteProject, renameProject, type Wire } from "../../api/client";
import { projectDetailsQuery } from "../../app/queries";
import { Unsaved } from "../../app/Unsaved";
import { useDraft } from "../../app/useDraft";
import { DEFAULT_PROJECT } from "../../model/filters";
import { meanwhileOf } from "../../model/meanwhile";
import { ConfirmButton } from "../../ui/ConfirmButton";
import controls from "../../ui/controls.module.css";
import { Failure } from "../../ui/Failure";
import { MeanwhileNotice } from "../../ui/MeanwhileNotice";
import { Retention } from "./Retention";
import styles from "./settings.module.css";

type Project = Wire["ProjectDetail"];

/** A project's title, how long its data is kept, and its end. */
export function ThisProject({ project }: { project: string }) {
  const { data } = useQuery(projectDetailsQuery);
  const kept = data?.find(({ name }) => name === project);
  return (
    <div className={styles.parts}>
      <section aria-label="Title">
        <h2>Title</h2>
        <p>The name {project} stays: clients and stored data carry it.</p>
        {kept && <Title kept={kept} />}
      </section>
      <section aria-label="Retention">
        <h2>Kept for</h2>
        <Retention project={project} />
      </section>
      <section aria-label="Delete">
        <h2>{project === DEFAULT_PROJECT ? "Empty this project" : "Delete this project"}</h2>
        <p>All its spans, scores, logs, metrics and keys go for good.</p>
        <Deletion project={project} />
      </section>
    </div>
  );
}

function Title({ kept }: { kept: Project }) {
  const client = useQueryClient();
  const { draft: text, setDraft: setText, begun, initial, begin } = useDraft(kept, titleOf);
  const isChanged = text.trim() !== initial;
  const rename = useMutation({
    mutationFn: (over: Project) => renameProject(over, text.trim()),
    onSuccess: (saved) => {
      client.setQueryData(projectDetailsQuery.queryKey, (all) =>
        all?.map((each) => (each.name === saved.name ? saved : each)),
      );
      begin(saved);
    },
    onError: () => client.invalidateQueries({ queryKey: projectDetailsQuery.queryKey }),
  });
  const meanwhile = rename.isPending ? null : meanwhileOf(begun, kept);
  return (
    <Form
      className={controls.form}
      onSubmit={(event) => {
        event.preventDefault();
        rename.mutate(begun ?? kept);
      }}
    >
      <Unsaved when={isChanged} />
      <TextField value={text} onChange={setText} maxLength={200}>
        <Label>Title</Label>
        <Input placeholder={kept.name} />
      </TextField>
      <Button
        type="submit"
        className={controls.button}
        isDisabled={!isChanged || rename.isPending || meanwhile !== null}
      >
        Rename
      </Button>
      <MeanwhileNotice state={meanwhile} save={rename} onShow={() => begin(kept)} onSave={() => rename.mutate(kept)} />
    </Form>
  );
}

function titleOf(kept: Project | null): string {
  return kept?.title ?? "";
}

function Deletion({ project }: { project: string }) {
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
      <TextField value={typed} onChange={setTyped}>
        <Label>Type {project} to confirm</Label>
        <Input spellCheck={false} autoComplete="off" />
      </TextField>
      <ConfirmButton
        label="Delete"
        what={`the project ${project} with all that is in it`}
        isDisabled={typed !== project || remove.isPending}
        onConfirm={() => remove.mutate()}
      />
      {remove.isPending && <p role="status">Deleting…</p>}
      {remove.error && <Failure error={remove.error} />}
    </Form>
  );
}
