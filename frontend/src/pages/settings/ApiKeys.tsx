import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button, Checkbox, CheckboxGroup, Form } from "react-aria-components";
import { createKey, deleteKey, type Wire } from "../../api/client";
import { problemOf } from "../../api/errors";
import { keysQuery } from "../../app/queries";
import { Unsaved } from "../../app/Unsaved";
import { endOf, SCOPES, type Scope } from "../../model/administration";
import { ConfirmButton } from "../../ui/ConfirmButton";
import { CopyButton } from "../../ui/CopyButton";
import controls from "../../ui/controls.module.css";
import { FoundTable } from "../../ui/DataTable";
import { Failure } from "../../ui/Failure";
import { Field } from "../../ui/Field";
import { Time } from "../../ui/Time";
import { whenEmpty } from "../../ui/whenEmpty";
import styles from "./settings.module.css";

/** A project's keys. A new one is shown once, then never again: only its hash is kept. */
export function ApiKeys({ project }: { project: string }) {
  const client = useQueryClient();
  const query = useQuery(keysQuery(project));
  const refresh = () => client.invalidateQueries({ queryKey: keysQuery(project).queryKey });
  const remove = useMutation({ mutationFn: (id: string) => deleteKey(project, id), onSuccess: refresh });
  return (
    <>
      <NewKey project={project} onCreated={refresh} />
      {remove.error && <Failure error={remove.error} />}
      {query.error && <Failure error={query.error} onRetry={() => query.refetch()} />}
      <FoundTable
        label={`API keys of ${project}`}
        columns={[
          { header: "Name", cell: ({ name }: Wire["KeyDetail"]) => name },
          { header: "May", cell: ({ scopes }) => scopes.map((scope) => SCOPES[scope].toLowerCase()).join(", ") },
          { header: "Created", cell: ({ created_at }) => <Time iso={created_at} /> },
          { header: "By", cell: ({ created_by }) => created_by },
          { header: "Last used", cell: ({ last_used_at }) => (last_used_at ? <Time iso={last_used_at} /> : "never") },
          { header: "Expires", cell: ({ expires_at }) => (expires_at ? <Time iso={expires_at} full /> : "never") },
          {
            header: "Revoke",
            cell: ({ id, name }) => (
              <ConfirmButton label="Revoke" what={`the key ${name}`} onConfirm={() => remove.mutate(id)} />
            ),
          },
        ]}
        rows={query.data ?? []}
        getId={({ id }) => id}
        textOf={({ name }) => name}
        empty={whenEmpty(query, "keys", "No key yet. Create one for each program that sends or reads.")}
      />
    </>
  );
}

function NewKey({ project, onCreated }: { project: string; onCreated: () => void }) {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<Scope[]>(["ingest"]);
  const [expires, setExpires] = useState("");
  const create = useMutation({
    mutationFn: () => createKey(project, { name: name.trim(), scopes, expires_at: endOf(expires) }),
    onSuccess: () => {
      setName("");
      onCreated();
    },
  });
  return (
    <>
      <Form
        className={controls.form}
        onSubmit={(event) => {
          event.preventDefault();
          if (!create.isPending) create.mutate();
        }}
      >
        <Unsaved when={name.trim() !== ""} />
        <Field
          label="New key for"
          value={name}
          onChange={setName}
          maxLength={200}
          problem={problemOf(create.error, "name")}
          input={{ placeholder: "checkout-service", spellCheck: false }}
        />
        <CheckboxGroup
          className={controls.checks}
          aria-label="The key may"
          value={scopes}
          onChange={(chosen) => setScopes(chosen as Scope[])}
        >
          {Object.entries(SCOPES).map(([id, label]) => (
            <Checkbox key={id} value={id} className={controls.check}>
              {label}
            </Checkbox>
          ))}
        </CheckboxGroup>
        <Field
          label="Good until"
          type="date"
          value={expires}
          onChange={setExpires}
          problem={problemOf(create.error, "expires_at")}
        />
        <Button
          type="submit"
          className={controls.button}
          isDisabled={name.trim() === "" || scopes.length === 0}
          data-pending={create.isPending || undefined}
        >
          Create key
        </Button>
      </Form>
      {create.error && <Failure error={create.error} />}
      {create.data && (
        <div role="status" className={styles.created}>
          <strong>Copy this key now: it is not shown again.</strong>
          <span>
            <code>{create.data.key}</code> <CopyButton what="API key" text={create.data.key} label="Copy" />
          </span>
        </div>
      )}
    </>
  );
}
