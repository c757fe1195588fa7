import { useQuery } from "@tanstack/react-query";
import { Navigate, useSearch } from "@tanstack/react-router";
import { newestTraceQuery } from "../../app/queries";
import { DEFAULT_PROJECT, inProject } from "../../model/filters";
import { Failure } from "../../ui/Failure";

/** Leads to the overview of a project, or to the first steps of one that has nothing yet. */
export function HomePage() {
  const { project = DEFAULT_PROJECT } = useSearch({ from: "/session/" });
  const { data, error, refetch } = useQuery(newestTraceQuery(project));
  if (error) return <Failure error={error} onRetry={() => refetch()} page />;
  if (data === undefined) return null;
  return <Navigate to={data === null ? "/start" : "/overview"} search={inProject(project)} replace />;
}
