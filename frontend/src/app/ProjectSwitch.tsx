import { useQuery } from "@tanstack/react-query";
import { useNavigate, useRouterState, useSearch } from "@tanstack/react-router";
import { DEFAULT_PROJECT, inProject } from "../model/filters";
import { Select } from "../ui/Select";
import { pageAt } from "./navigation";
import { projectDetailsQuery } from "./queries";

/** Which project is on show, and the way to another one: the same page of it, or the list that a detail belongs to. */
export function ProjectSwitch() {
  const { project = DEFAULT_PROJECT } = useSearch({ strict: false });
  const change = useProjectChange();
  return <Select label="Project" value={project} options={useProjectChoices(project)} onChange={change} />;
}

/** The projects to choose from, `current` among them even while it holds nothing. */
export function useProjectChoices(current: string): { id: string; label: string }[] {
  const { data = [] } = useQuery(projectDetailsQuery);
  const titles = new Map(data.map(({ name, title }) => [name, title || name]));
  return [...new Set([DEFAULT_PROJECT, ...titles.keys(), current])].map((id) => ({ id, label: titles.get(id) ?? id }));
}

/** Goes to another project. */
export function useProjectChange(): (project: string) => void {
  const navigate = useNavigate();
  const pathname = useRouterState({ select: ({ location }) => location.pathname });
  const { tab } = useSearch({ strict: false });
  return (project) =>
    navigate({ to: pageAt(pathname) ?? "/overview", search: { ...inProject(project), ...(tab && { tab }) } as never });
}
