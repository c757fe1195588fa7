import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Button } from "react-aria-components";
import { logsQuery } from "../../app/signalQueries";
import type { LogSearch } from "../../model/logs";
import controls from "../../ui/controls.module.css";
import { Failure } from "../../ui/Failure";
import { Page } from "../../ui/Page";
import { LogBar } from "./LogBar";
import { LogTable } from "./LogTable";

/** Log records and events of any source, newest first. */
export function LogsPage() {
  const search = useSearch({ from: "/session/logs" });
  const navigate = useNavigate({ from: "/logs" });
  const query = useInfiniteQuery(logsQuery(search));
  const rows = query.data?.pages.flatMap((page) => page.logs) ?? [];
  const show = (next: LogSearch) => navigate({ search: next });
  return (
    <Page title="Logs" scrolls bar={<LogBar search={search} rows={rows} onChange={show} />}>
      {query.error && <Failure error={query.error} onRetry={() => query.refetch()} />}
      {(!query.error || rows.length > 0) && (
        <LogTable
          rows={rows}
          search={search}
          onChange={show}
          empty={query.isPending ? "Loading logs…" : "No log record in this time. Send them over OTLP, to /v1/logs."}
        />
      )}
      {query.hasNextPage && (
        <Button
          className={`${controls.button} ${controls.more}`}
          isDisabled={query.isFetching}
          onPress={() => query.fetchNextPage()}
        >
          Show more
        </Button>
      )}
    </Page>
  );
}
