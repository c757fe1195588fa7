import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { Button, Form } from "react-aria-components";
import { createProject, type Wire } from "../../api/client";
import { ApiError } from "../../api/errors";
import { projectDetailsQuery } from "../../app/queries";
import { Unsaved } from "../../app/Unsaved";
import { inProject } from "../../model/filters";
import { nameProblem } from "../../model/names";
import controls from "../../ui/controls.module.css";
import { FoundTable } from "../../ui/DataTable";
import { Failure } from "../../ui/Failure";
import { Field } from "../../ui/Field";
import { Time } from "../../ui/Time";
import { whenEmpty } from "../../ui/whenEmpty";
import styles from "./settings.module.css";

export function Projects() {
  const client = useQueryClient();
  const query = useQuery(projectDetailsQuery);
  const [name, setName] = useState("");
  const create = useMutation({
    mutationFn: () => createProject({ name: name.trim(), title: "" }),
    onSuccess: () => {
      setName("");
      client.invalidateQueries({ queryKey: projectDetailsQuery.queryKey });
    },
  });
  const write = (typed: string) => {
    if (create.error) create.reset();
    setName(typed);
  };
  const error = create.error ?? query.error;
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
          label="New project"
          value={name}
          onChange={write}
          maxLength={63}
          validate={nameProblem}
          problem={create.error instanceof ApiError && create.error.message}
          input={{ placeholder: "team-search", spellCheck: false }}
        />
        <Button
          type="submit"
          className={controls.button}
          isDisabled={name.trim() === ""}
          data-pending={create.isPending || undefined}
        >
          Create project
        </Button>
      </Form>
      {error && <Failure error={error} />}
      <FoundTable
        label="Projects"
        columns={[
          {
            header: "Name",
            cell: (project: Wire["ProjectDetail"]) => (
              <Link to="/traces" search={inProject(project.name)}>
                {project.name}
              </Link>
            ),
          },
          { header: "Title", cell: ({ title }) => title },
          { header: "Created", cell: ({ created_at }) => <Time iso={created_at} full /> },
          {
            header: "Settings",
            cell: (project) => (
              <span className={styles.links}>
                <Link
                  to="/settings"
                  search={{ ...inProject(project.name), tab: "keys" }}
                  aria-label={`API keys of ${project.name}`}
                >
                  API keys
                </Link>
                <Link
                  to="/settings"
                  search={{ ...inProject(project.name), tab: "project" }}
                  aria-label={`Title, retention, deletion of ${project.name}`}
                >
                  Title, retention, deletion
                </Link>
              </span>
            ),
          },
        ]}
        rows={query.data ?? []}
        getId={(project) => project.name}
        textOf={({ name, title }) => `${name} ${title}`}
        empty={whenEmpty(query, "projects", "Only projects that were created are listed here.")}
      />
    </>
  );
}
