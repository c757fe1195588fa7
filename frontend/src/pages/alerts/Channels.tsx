import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Button } from "react-aria-components";
import { deleteChannel, saveChannel, testChannel, type Wire } from "../../api/client";
import { problemOf } from "../../api/errors";
import { ALERTS, channelsQuery } from "../../app/alertQueries";
import { useDraft, useOpened } from "../../app/useDraft";
import { NEW } from "../../model/alerts";
import { meanwhileOf } from "../../model/meanwhile";
import { nameProblem } from "../../model/names";
import { ConfirmButton } from "../../ui/ConfirmButton";
import controls from "../../ui/controls.module.css";
import { FoundTable } from "../../ui/DataTable";
import { Failure } from "../../ui/Failure";
import { Field } from "../../ui/Field";
import { optionsOf, Select } from "../../ui/Select";
import { whenEmpty } from "../../ui/whenEmpty";
import type { PartProps } from "./AlertsPage";
import styles from "./alerts.module.css";
import { Deliveries } from "./Deliveries";
import { EditForm, useSave } from "./EditForm";

type Channel = Wire["ChannelDetail"];
type Kind = Wire["NewChannel"]["kind"];

const KINDS: Record<Kind, string> = { webhook: "Webhook (JSON, signed)", slack: "Slack" };

/** Who is told: webhooks, for all projects. */
export function Channels({ edit, onEdit }: Pick<PartProps, "edit" | "onEdit">) {
  const client = useQueryClient();
  const query = useQuery(channelsQuery);
  const refresh = () => client.invalidateQueries({ queryKey: ALERTS });
  const remove = useMutation({ mutationFn: deleteChannel, onSettled: refresh });
  const attempt = useMutation({ mutationFn: testChannel });
  const edited = query.data?.channels.find(({ name }) => name === edit);
  const isOpen = useOpened(edit, edit === NEW || edited !== undefined);
  const error = remove.error ?? attempt.error;
  const canAdd = query.data?.can_keep_secrets === true;
  return (
    <>
      {query.data && !canAdd && (
        <p className={styles.note}>
          Addresses are kept only encrypted: set <code>LLMFLOW_SECRET_KEY</code> for the query API to add channels.
        </p>
      )}
      {canAdd &&
        (isOpen ? (
          <ChannelForm
            key={edit}
            now={edited ?? null}
            all={query.data?.channels ?? []}
            onDone={() => onEdit(undefined)}
          />
        ) : (
          <Button className={controls.button} onPress={() => onEdit(NEW)}>
            New channel
          </Button>
        ))}
      {error && <Failure error={error} />}
      {query.error && <Failure error={query.error} onRetry={() => query.refetch()} />}
      {attempt.data && <Deliveries deliveries={attempt.data.deliveries} />}
      <FoundTable
        label="Channels"
        columns={[
          { header: "Name", cell: ({ name }: Channel) => name },
          { header: "Kind", cell: ({ kind }) => KINDS[kind] },
          { header: "Host", cell: ({ host }) => host },
          {
            header: "Actions",
            cell: (channel) => {
              const { name } = channel;
              return (
                <div className={styles.actions}>
                  {canAdd && (
                    <Button className={styles.action ?? ""} aria-label={`Edit ${name}`} onPress={() => onEdit(name)}>
                      Edit
                    </Button>
                  )}
                  <Button
                    className={styles.action ?? ""}
                    aria-label={`Test ${name}`}
                    data-pending={attempt.isPending || undefined}
                    onPress={() => attempt.isPending || attempt.mutate(name)}
                  >
                    Test
                  </Button>
                  <ConfirmButton label="Delete" what={`the channel ${name}`} onConfirm={() => remove.mutate(channel)} />
                </div>
              );
            },
          },
        ]}
        rows={query.data?.channels ?? []}
        getId={({ name }) => name}
        textOf={({ name }) => name}
        empty={whenEmpty(query, "channels", "No channel yet. Without one, alerts are only shown here.")}
      />
    </>
  );
}

interface FormProps {
  /** As it is kept now; null for a new one, and for one that is gone. */
  now: Channel | null;
  all: readonly Channel[];
  onDone: () => void;
}

function channelDraft(kept: Channel | null) {
  return { name: kept?.name ?? "", kind: kept?.kind ?? ("webhook" as Kind), url: "", secret: "" };
}

function ChannelForm({ now, all, onDone }: FormProps) {
  const { draft, setDraft, begun, isChanged, begin } = useDraft(now, channelDraft);
  const { name, kind, url, secret } = draft;
  const there = all.find((channel) => channel.name === name.trim()) ?? null;
  const save = useSave(
    (over: Channel | null) =>
      saveChannel(name.trim(), over, { kind, url: url.trim() || null, secret: secret.trim() || null }),
    onDone,
  );
  const write = (changes: Partial<typeof draft>) => {
    if (save.error) save.reset();
    setDraft({ ...draft, ...changes });
  };
  const kept = there ? "as it is" : "";
  return (
    <EditForm
      label={begun ? `Change ${begun.name}` : "New channel"}
      submit="Save channel"
      canSave={name.trim() !== "" && (there !== null || url.trim() !== "")}
      isChanged={isChanged}
      save={save}
      meanwhile={meanwhileOf(begun, there)}
      onShowTheirs={() => begin(there)}
      onSave={(over) => save.mutate(over === "now" ? there : begun)}
      onDone={onDone}
    >
      <div className={styles.line}>
        <Field
          boxed
          label="Name"
          value={name}
          onChange={(typed) => write({ name: typed })}
          isReadOnly={begun !== null}
          validate={nameProblem}
          problem={problemOf(save.error, "name")}
          input={{ placeholder: "pager", size: 14, spellCheck: false }}
        />
        <Select<Kind>
          label="Kind"
          value={kind}
          options={optionsOf(KINDS)}
          onChange={(chosen) => write({ kind: chosen })}
        />
      </div>
      <Field
        boxed
        label="Address"
        value={url}
        onChange={(typed) => write({ url: typed })}
        type="url"
        problem={problemOf(save.error, "url")}
        input={{ placeholder: kept || "https://pager.example/hooks/llmflow", size: 48, spellCheck: false }}
      />
      {kind === "webhook" && (
        <Field
          boxed
          label="Signing secret"
          value={secret}
          onChange={(typed) => write({ secret: typed })}
          type="password"
          autoComplete="off"
          problem={problemOf(save.error, "secret")}
          input={{ placeholder: kept || "whsec_…", size: 48, spellCheck: false }}
        />
      )}
    </EditForm>
  );
}
