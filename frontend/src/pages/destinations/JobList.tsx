import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { cancelDestinationJob, type Wire } from "../../api/client";
import { destinationJobsQuery } from "../../app/queries";
import { formatCount } from "../../model/format";
import { ConfirmButton } from "../../ui/ConfirmButton";
import { DataTable } from "../../ui/DataTable";
import { Failure } from "../../ui/Failure";
import { Time } from "../../ui/Time";
import { whenEmpty } from "../../ui/whenEmpty";
import styles from "./Destinations.module.css";

/** The tests and replays of a destination, and what came of them. */
export function JobList({ name }: { name: string }) {
  const client = useQueryClient();
  const query = useQuery(destinationJobsQuery(name));
  const cancel = useMutation({
    mutationFn: (id: number) => cancelDestinationJob(name, id),
    onSettled: () => client.invalidateQueries({ queryKey: destinationJobsQuery(name).queryKey }),
  });
  const error = query.error ?? cancel.error;
  return (
    <section aria-label={`Tests and replays of ${name}`}>
      <h2>Tests and replays of {name}</h2>
      {error && <Failure error={error} />}
      <DataTable
        label={`Tests and replays of ${name}, newest first`}
        columns={[
          { header: "What", cell: ({ kind }: Wire["JobDetail"]) => (kind === "test" ? "Test" : "Replay") },
          { header: "State", cell: ({ state }) => state },
          { header: "Asked for", cell: ({ created_at }) => <Time iso={created_at} /> },
          { header: "Of", cell: rangeOf },
          {
            header: "Spans",
            number: true,
            cell: ({ kind, sent, total }) =>
              kind === "test" ? "–" : `${formatCount(sent)} of ${total === null ? "?" : formatCount(total)}`,
          },
          { header: "What came back", cell: ({ message }) => <span className={styles.message}>{message || "–"}</span> },
          {
            header: "Stop",
            cell: ({ id, kind, finished_at }) =>
              finished_at === null && <ConfirmButton label="Stop" what={kind} onConfirm={() => cancel.mutate(id)} />,
          },
        ]}
        rows={query.data ?? []}
        getId={({ id }) => String(id)}
        empty={whenEmpty(query, "tests and replays", "None yet.")}
      />
    </section>
  );
}

function rangeOf({ from, to, project }: Wire["JobDetail"]) {
  if (!from || !to) return "–";
  return (
    <>
      {project ?? "all projects"}, <Time iso={from} full /> to <Time iso={to} full />
    </>
  );
}
