import { useNavigate, useSearch } from "@tanstack/react-router";
import { spansQuery } from "../../app/queries";
import { ListPage } from "../../list/ListPage";
import { DEFAULT_PROJECT } from "../../model/filters";
import { FirstRun } from "../start/FirstRun";
import { columns } from "./columns";

/** Spans of all traces; `type:generation` makes it the list of generations. */
export function SpansPage() {
  const search = useSearch({ from: "/session/spans" });
  const navigate = useNavigate({ from: "/spans" });
  return (
    <ListPage
      title="Spans"
      noun="spans"
      search={search}
      onSearch={(next) => navigate({ search: next })}
      list={spansQuery}
      columns={columns}
      getId={(span) => `${span.traceId}/${span.id}/${span.startTime}`}
      firstRun={<FirstRun project={search.project ?? DEFAULT_PROJECT} />}
    />
  );
}
