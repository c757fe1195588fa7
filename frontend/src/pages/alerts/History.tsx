import { useInfiniteQuery } from "@tanstack/react-query";
import { Button } from "react-aria-components";
import type { Wire } from "../../api/client";
import { historyQuery } from "../../app/alertQueries";
import controls from "../../ui/controls.module.css";
import { DataTable } from "../../ui/DataTable";
import { Failure } from "../../ui/Failure";
import { Time } from "../../ui/Time";
import { whenEmpty } from "../../ui/whenEmpty";
import styles from "./alerts.module.css";

const EVENTS: Record<string, { label: string; state: string }> = {
  "alert.firing": { label: "firing", state: "firing" },
  "alert.resolved": { label: "resolved", state: "ok" },
  "budget.threshold_reached": { label: "budget", state: "pending" },
};

/** What rules and budgets have told, and whether it arrived. */
export function History({ project }: { project: string }) {
  const query = useInfiniteQuery(historyQuery(project));
  return (
    <>
      {query.error && <Failure error={query.error} onRetry={() => query.refetch()} />}
      <DataTable
        label={`History of ${project}`}
        columns={[
          { header: "Time", cell: ({ at }: Wire["AlertEventDetail"]) => <Time iso={at} full /> },
          {
            header: "Event",
            cell: ({ event }) => (
              <span className={styles.state} data-state={EVENTS[event]?.state}>
                {EVENTS[event]?.label ?? event}
              </span>
            ),
          },
          { header: "What", cell: ({ summary }) => summary },
          {
            header: "Told",
            cell: ({ silenced, notices }) =>
              silenced ? "nobody: silenced" : notices.map(outcome).join("; ") || "nobody: no channel",
          },
        ]}
        rows={query.data?.pages.flatMap(({ events }) => events) ?? []}
        getId={({ id }) => id}
        empty={whenEmpty(query, "history", "Nothing has been told yet.")}
      />
      {query.hasNextPage && (
        <Button className={controls.button} isDisabled={query.isFetchingNextPage} onPress={() => query.fetchNextPage()}>
          Show earlier
        </Button>
      )}
    </>
  );
}

function outcome({ channel, status, attempts, error }: Wire["NoticeDetail"]): string {
  if (status === "delivered") return channel;
  if (status === "failed") return `${channel}: given up, ${error}`;
  return attempts === 0 ? `${channel}: on its way` : `${channel}: tried ${attempts} times, ${error}`;
}
