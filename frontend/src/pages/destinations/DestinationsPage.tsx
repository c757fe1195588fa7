import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "react-aria-components";
import { removeDestination, setDestinationPaused, testDestination } from "../../api/client";
import { destinationPresetsQuery, destinationsQuery } from "../../app/queries";
import { useOpened } from "../../app/useDraft";
import { type Destination, type DestinationSearch, STATES, TROUBLED } from "../../model/destinations";
import { inProject } from "../../model/filters";
import { formatCount } from "../../model/format";
import { ConfirmButton } from "../../ui/ConfirmButton";
import controls from "../../ui/controls.module.css";
import { FoundTable } from "../../ui/DataTable";
import { Failure } from "../../ui/Failure";
import { Loading, Page } from "../../ui/Page";
import { Time } from "../../ui/Time";
import { DestinationForm, type Step } from "./DestinationForm";
import styles from "./Destinations.module.css";
import { JobList } from "./JobList";
import { ReplayDialog } from "./ReplayDialog";

/** Other tools that spans are forwarded to, and how that goes. */
export function DestinationsPage() {
  const search = useSearch({ from: "/session/destinations" });
  const navigate = useNavigate({ from: "/destinations" });
  const client = useQueryClient();
  const list = useQuery(destinationsQuery);
  const presets = useQuery(destinationPresetsQuery);
  const [tested, setTested] = useState<string | null>(null);
  const [step, setStep] = useState<Step>();
  const go = (changes: DestinationSearch, ignoreBlocker = false) =>
    navigate({
      search: { ...inProject(search.project), ...(search.find && { find: search.find }), ...changes },
      ignoreBlocker,
    });
  const refresh = () => {
    client.invalidateQueries({ queryKey: ["destination-jobs"] });
    return client.invalidateQueries({ queryKey: destinationsQuery.queryKey });
  };
  const act = useMutation({ mutationFn: (action: () => Promise<unknown>) => action(), onSettled: refresh });
  const rows = list.data?.destinations ?? [];
  const named = (name: string | undefined) => rows.find((row) => row.name === name);
  const changed = rows.find(({ name, definition }) => name === search.change && definition) ?? null;
  const isChanging = useOpened(search.change, changed !== null);
  const error = list.error ?? act.error;
  const jobsOf = search.replay ?? tested;
  return (
    <Page
      title="Destinations"
      scrolls
      beside={
        <Button className={controls.button} onPress={() => go({ add: "1" })} isDisabled={search.add === "1"}>
          Add destination
        </Button>
      }
    >
      {error && <Failure error={error} />}
      {presets.error && <Failure error={presets.error} onRetry={() => presets.refetch()} />}
      <div className={styles.parts}>
        {presets.data && list.data && (search.add || isChanging) && (
          <DestinationForm
            key={search.change ?? ""}
            now={changed}
            chosen={search.preset}
            step={step}
            presets={presets.data}
            keepsSecrets={list.data.keeps_secrets}
            onPreset={(preset) => search.add && go({ add: "1", preset }, true)}
            onSaved={async () => {
              await refresh();
              go({}, true);
            }}
            onRefused={refresh}
            onCancel={() => go({}, true)}
          />
        )}
        {list.isPending && <Loading what="destinations" />}
        {list.data && (
          <FoundTable
            label="Destinations"
            columns={[
              { header: "Name", cell: ({ name }: Destination) => name },
              { header: "State", cell: ({ status }) => <State status={status} /> },
              { header: "Sent", number: true, cell: ({ status }) => formatCount(status.sent) },
              {
                header: "Waiting",
                number: true,
                cell: ({ status }) => (status.lag === null ? "–" : formatCount(status.lag)),
              },
              { header: "Refused", number: true, cell: ({ status }) => formatCount(status.dead_letters) },
              {
                header: "Last sent",
                cell: ({ status }) => (status.last_success ? <Time iso={status.last_success} /> : "–"),
              },
              {
                header: "Last error",
                cell: ({ status }) => (
                  <span className={styles.error} title={status.last_error ?? ""}>
                    {status.last_error ?? "–"}
                  </span>
                ),
              },
              {
                header: "Where",
                cell: (row) => (
                  <span className={styles.where} title={placeOf(row)}>
                    {placeOf(row)}
                  </span>
                ),
              },
              {
                header: "Actions",
                cell: (row) => (
                  <Actions
                    row={row}
                    onTest={() => {
                      setTested(row.name);
                      act.mutate(() => testDestination(row.name));
                    }}
                    onPause={(paused) =>
                      act.mutate(async () => {
                        const { version } = await setDestinationPaused(row, paused);
                        setStep({ from: row.version, to: version });
                      })
                    }
                    onRemove={() => {
                      setTested(null);
                      act.mutate(() => removeDestination(row));
                    }}
                    onGo={go}
                  />
                ),
              },
            ]}
            rows={rows}
            getId={({ origin, name }) => `${origin} ${name}`}
            textOf={(row) => `${row.name} ${placeOf(row)}`}
            empty="Spans stay here. Add a destination to send them to Phoenix, Langfuse, Jaeger or another tool as well."
          />
        )}
        {jobsOf && named(jobsOf) && <JobList name={jobsOf} />}
      </div>
      {search.replay && named(search.replay) && (
        <ReplayDialog
          name={search.replay}
          project={search.project}
          onClose={() => go({})}
          onBegun={() => {
            setTested(search.replay ?? null);
            refresh();
            go({});
          }}
        />
      )}
    </Page>
  );
}

function State({ status }: { status: Destination["status"] }) {
  return (
    <span className={styles.state} data-troubled={TROUBLED.has(status.state)} data-state={status.state}>
      {STATES[status.state]}
    </span>
  );
}

function placeOf({ origin, address, definition, dialect }: Destination): string {
  const place = address || definition?.endpoint || definition?.preset || "";
  const from = origin === "api" ? "" : origin === "file" ? " · in the exporter's file" : " · in its environment";
  return `${place}${dialect && dialect !== "as-received" ? ` · ${dialect}` : ""}${from}`;
}

interface ActionProps {
  row: Destination;
  onTest: () => void;
  onPause: (paused: boolean) => void;
  onRemove: () => void;
  onGo: (search: DestinationSearch) => void;
}

function Actions({ row: { name, definition }, onTest, onPause, onRemove, onGo }: ActionProps) {
  const button = (label: string, onPress: () => void, what = name) => (
    <Button className={controls.action} aria-label={`${label} ${what}`} onPress={onPress}>
      {label}
    </Button>
  );
  return (
    <span className={styles.actions}>
      {button("Test", onTest)}
      {button("Replay", () => onGo({ replay: name }), `stored spans to ${name}`)}
      {definition && (
        <>
          {button(definition.paused ? "Resume" : "Pause", () => onPause(!definition.paused))}
          {button("Change", () => onGo({ change: name }))}
          <ConfirmButton label="Remove" what={name} onConfirm={onRemove} />
        </>
      )}
    </span>
  );
}
