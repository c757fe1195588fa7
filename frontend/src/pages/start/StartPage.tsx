import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { newestTraceQuery } from "../../app/queries";
import { useTail } from "../../list/useTail";
import { DEFAULT_PROJECT, inProject } from "../../model/filters";
import empty from "../../ui/empty.module.css";
import { Failure } from "../../ui/Failure";
import { Page } from "../../ui/Page";
import { Time } from "../../ui/Time";
import { HowToSend } from "./FirstRun";
import styles from "./StartPage.module.css";

/** How to send data to a project, and whether any arrives. Where there was none, the first trace leads to the list. */
export function StartPage() {
  const { project = DEFAULT_PROJECT } = useSearch({ from: "/session/start" });
  const navigate = useNavigate();
  const { version, connected } = useTail({ project }, true);
  const { data: trace, error, refetch } = useQuery(newestTraceQuery(project));
  const wasEmpty = useRef(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new version is why to ask again
  useEffect(() => {
    refetch();
  }, [refetch, version]);
  useEffect(() => {
    if (trace && wasEmpty.current) navigate({ to: "/traces", search: inProject(project) });
    wasEmpty.current = trace === null;
  }, [trace, project, navigate]);
  return (
    <Page title="Send data" scrolls>
      {error && <Failure error={error} onRetry={() => refetch()} />}
      <section className={empty.empty} aria-label="Send a first trace">
        <div role="status" className={styles.arrival} data-there={trace ? true : undefined}>
          <span className={styles.dot} data-still={connected ? undefined : true} />
          {trace === null && <strong>Waiting for the first trace of {project}…</strong>}
          {trace && (
            <>
              <strong>Data arrives.</strong>
              <span className={styles.newest}>
                Newest:{" "}
                <Link to="/traces/$traceId" params={{ traceId: trace.id }} search={inProject(project)}>
                  {trace.name}
                </Link>
                , <Time iso={trace.startTime} />
              </span>
            </>
          )}
        </div>
        <HowToSend project={project} />
      </section>
    </Page>
  );
}
