import { IconBookmark, IconHome, IconHomeFilled } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { Button, Dialog, DialogTrigger, Form, Heading, Input, Popover, TextField } from "react-aria-components";
import * as api from "../api/client";
import type { PagePath } from "../app/navigation";
import { viewsQuery } from "../app/views";
import { DEFAULT_PROJECT, inProject, type ListSearch } from "../model/filters";
import { ConfirmButton } from "../ui/ConfirmButton";
import { Failure } from "../ui/Failure";
import field from "../ui/field.module.css";
import { useFinder } from "../ui/useFinder";
import styles from "./menus.module.css";

type View = api.Wire["View"];

interface Props {
  page: PagePath;
  search: ListSearch;
}

/** The views of a list that the project shares: to go to, to save the present one, to choose what the list opens with. */
export function ViewsMenu({ page, search }: Props) {
  const { project = DEFAULT_PROJECT, ...present } = search;
  const { data = [] } = useQuery(viewsQuery(project));
  const views = data.filter((view) => view.page === page.slice(1));
  const current = views.find((view) => isSame(view.search, present));
  return (
    <DialogTrigger>
      <Button className={styles.button} aria-label="Views" data-set={current ? true : undefined}>
        <IconBookmark size={16} stroke={1.6} aria-hidden />
        <span>{current?.name ?? "Views"}</span>
      </Button>
      <Popover className={`${field.popover} ${styles.popover}`} placement="bottom end">
        <Dialog className={styles.dialog}>
          {({ close }) => (
            <>
              <Heading slot="title">Views for everybody in {project}</Heading>
              <ViewList page={page} project={project} views={views} current={current} onGone={close} />
              <SaveForm page={page} project={project} views={views} search={present} />
            </>
          )}
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
}

interface ListProps {
  page: PagePath;
  project: string;
  views: readonly View[];
  current: View | undefined;
  onGone: () => void;
}

function ViewList({ page, project, views, current, onGone }: ListProps) {
  const navigate = useNavigate();
  const prefer = useViewChange(project, (before: View) =>
    api.replaceView(project, before, { ...written(before), is_default: !before.is_default }),
  );
  const forget = useViewChange(project, (view: View) => api.deleteView(project, view));
  const error = prefer.error ?? forget.error;
  const { shown, field: finder, rest } = useFinder(views, ({ name }) => name, useState(""));
  if (views.length === 0) return <p>None yet. A view keeps the filter and the time of a list under a name.</p>;
  return (
    <>
      {finder}
      <ul aria-label="Views" className={styles.views}>
        {shown.map((view) => (
          <li key={view.id} className={styles.view}>
            <Button
              className={styles.name}
              aria-current={view === current}
              onPress={() => {
                onGone();
                navigate({ to: page, search: { ...inProject(project), ...view.search } as never });
              }}
            >
              {view.name}
            </Button>
            <Button
              className={field.clear}
              aria-label={`${view.is_default ? "Do not open" : "Open"} the list with ${view.name}`}
              onPress={() => prefer.mutate(view)}
            >
              {view.is_default ? (
                <IconHomeFilled size={15} aria-hidden />
              ) : (
                <IconHome size={15} stroke={1.6} aria-hidden />
              )}
            </Button>
            <ConfirmButton label="Delete" what={`the view ${view.name}`} onConfirm={() => forget.mutate(view)} />
          </li>
        ))}
      </ul>
      {rest}
      {error && <Failure error={error} />}
    </>
  );
}

interface SaveProps {
  page: PagePath;
  project: string;
  views: readonly View[];
  search: Record<string, string>;
}

function SaveForm({ page, project, views, search }: SaveProps) {
  const [name, setName] = useState("");
  const same = views.find((view) => view.name === name.trim());
  const save = useViewChange(project, async () => {
    const view = { page: page.slice(1), name: name.trim(), search, is_default: same?.is_default ?? false };
    await (same ? api.replaceView(project, same, view) : api.createView(project, view));
    setName("");
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (name.trim() !== "" && !save.isPending) save.mutate();
  };
  return (
    <Form className={styles.save} onSubmit={submit}>
      <TextField className={field.field} aria-label="Name of the view" value={name} onChange={setName} maxLength={100}>
        <Input className={field.input} placeholder="Save the present one as…" autoComplete="off" />
      </TextField>
      <Button
        type="submit"
        className={styles.button}
        isDisabled={name.trim() === ""}
        data-pending={save.isPending || undefined}
      >
        {same ? "Replace" : "Save"}
      </Button>
      {save.error && <Failure error={save.error} />}
    </Form>
  );
}

function useViewChange<T = void>(project: string, change: (of: T) => Promise<unknown>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSettled: () => client.invalidateQueries({ queryKey: viewsQuery(project).queryKey }),
  });
}

function written({ page, name, search, is_default }: View): api.Wire["NewView"] {
  return { page, name, search, is_default };
}

/** Whether a view says what the URL says; which panels are open is no matter. */
function isSame(view: Record<string, string>, { facets: _, ...present }: Record<string, string>): boolean {
  const { facets: __, ...saved } = view;
  const keys = new Set([...Object.keys(saved), ...Object.keys(present)]);
  return [...keys].every((key) => saved[key] === present[key]);
}
