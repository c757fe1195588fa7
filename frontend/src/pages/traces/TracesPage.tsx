import { useNavigate, useSearch } from "@tanstack/react-router";
import { tracesQuery } from "../../app/queries";
import { ListPage } from "../../list/ListPage";
import { DEFAULT_PROJECT } from "../../model/filters";
import { FirstRun } from "../start/FirstRun";
import { columns } from "./columns";

export function TracesPage() {
  const search = useSearch({ from: "/session/traces" });
  const navigate = useNavigate({ from: "/traces" });
  return (
    <ListPage
      title="Traces"
      noun="traces"
      search={search}
      onSearch={(next) => navigate({ search: next })}
      list={tracesQuery}
      columns={columns}
      getId={(trace) => `${trace.project}/${trace.id}`}
      firstRun={<FirstRun project={search.project ?? DEFAULT_PROJECT} />}
    />
  );
}
