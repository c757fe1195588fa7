import { queryOptions, useQuery } from "@tanstack/react-query";
import * as api from "../api/client";
import { DEFAULT_PROJECT, inProject } from "../model/filters";
import type { PagePath } from "./navigation";

/** The saved views of a project. */
export function viewsQuery(project = DEFAULT_PROJECT) {
  return queryOptions({
    queryKey: ["views", project],
    queryFn: ({ signal }) => api.views(project, signal),
    staleTime: 60_000,
  });
}

/** What a link to a page of a project asks for: the page's default view, if one was saved. */
export function useOpeningSearch(project: string | undefined): (page: PagePath) => Record<string, string> {
  const { data = [] } = useQuery(viewsQuery(project));
  return (page) => {
    const view = data.find((saved) => saved.is_default && saved.page === page.slice(1));
    return { ...inProject(project), ...view?.search };
  };
}
