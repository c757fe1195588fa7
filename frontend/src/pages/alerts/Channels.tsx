import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button, FieldError, Input, Label, TextField } from "react-aria-components";
import { deleteChannel, saveChannel, testChannel, type Wire } from "../../api/client";
import { ALERTS, channelsQuery } from "../../app/alertQueries";
import { differs } from "../../app/Unsaved";
import { NEW } from "../../model/alerts";
import { nameProblem } from "../../model/names";
import { ConfirmButton } from "../../ui/ConfirmButton";
import controls from "../../ui/controls.module.css";
import { DataTable } from "../../ui/DataTable";
import { Failure } from "../../ui/Failure";
import field from "../../ui/field.module.css";
import { optionsOf, Select } from "../../ui/Select";
import { whenEmpty } from "../../ui/whenEmpty";
import type { PartProps } from "./AlertsPage";
import styles from "./alerts.module.css";
import { Deliveries } from "./Deliveries";
import { EditForm, useSave } from "./EditForm";

type Kind = Wire["NewChannel"]["kind"];

const KINDS: Record<Kind, string> = { webhook: "Webhook (JSON, signed)", slack: "Slack" };

/** Who is told: webhooks, for all projects. */
export function Channels({ edit, onEdit }: Pick<PartProps, "edit" | "onEdit">) {
  const client = useQueryClient();
  const query = useQuery(channelsQuery);
  const refresh = () => client.invalidateQueries({ queryKey: ALERTS });
  const remove = useMutation({ mutationFn: deleteChannel, onSuccess: refresh });
  const attempt = useMutation({ mutationFn: testChannel });
  const edited = query.data?.channels.find(({ name }) => name === edit);
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
        (edit === NEW || edited ? (
          <ChannelForm key={edit} channel={edited ?? null} onDone={() => onEdit(undefined)} />
        ) : (
          <Button className={controls.button} onPress={() => onEdit(NEW)}>
            New channel
          </Button>
        ))}
      {error && <Failure error={error} />}
      {query.error && <Failure error={query.error} onRetry={() => query.refetch()} />}
      {attempt.data && <Deliveries deliveries={attempt.data.deliveries} />}
      <DataTable
        label="Channels"
        columns={[
          { header: "Name", cell: ({ name }: Wire["ChannelDetail"]) => name },
          { header: "Kind", cell: ({ kind }) => KINDS[kind] },
          { header: "Host", cell: ({ host }) => host },
          {
            header: "Actions",
            cell: ({ name }) => (
              <div className={styles.actions}>
                {canAdd && (
                  <Button className={styles.action ?? ""} aria-label={`Edit ${name}`} onPress={() => onEdit(name)}>
                    Edit
                  </Button>
                )}
                <Button
                  className={styles.action ?? ""}
                  aria-label={`Test ${name}`}
                  isDisabled={attempt.isPending}
                  onPress={() => attempt.mutate(name)}
                >
                  Test
                </Button>
                <ConfirmButton label="Delete" what={`the channel ${name}`} onConfirm={() => remove.mutate(name)} />
              </div>
            ),
          },
        ]}
        rows={query.data?.channels ?? []}
        getId={({ name }) => name}
        empty={whenEmpty(query, "channels", "No channel yet. Without one, alerts are only shown here.")}
      />
    </>
  );
}

function ChannelForm({ channel, onDone }: { channel: Wire["ChannelDetail"] | null; onDone: () => void }) {
  const [name, setName] = useState(channel?.name ?? "");
  const [kind, setKind] = useState<Kind>(channel?.kind ?? "webhook");
  const [url, setUrl] = useState("");
  const [secret, setSecret] = useState("");
  const save = useSave(
    () => saveChannel(name.trim(), { kind, url: url.trim() || null, secret: secret.trim() || null }),
    onDone,
  );
  const kept = channel ? "as it is" : "";
  return (
    <EditForm
      label={channel ? `Change ${channel.name}` : "New channel"}
      submit="Save channel"
      canSave={name.trim() !== "" && (channel !== null || url.trim() !== "")}
      isChanged={differs([name, kind, url, secret], [channel?.name ?? "", channel?.kind ?? "webhook", "", ""])}
      save={save}
      onSave={save.mutate}
      onDone={onDone}
    >
      <div className={styles.line}>
        <TextField
          className={field.field ?? ""}
          value={name}
          onChange={setName}
          isReadOnly={channel !== null}
          validate={nameProblem}
        >
          <Label className={field.label ?? ""}>Name</Label>
          <Input className={field.input ?? ""} placeholder="pager" size={14} spellCheck={false} />
          <FieldError className={controls.problem} />
        </TextField>
        <Select<Kind> label="Kind" value={kind} options={optionsOf(KINDS)} onChange={setKind} />
      </div>
      <TextField className={field.field ?? ""} value={url} onChange={setUrl} type="url">
        <Label className={field.label ?? ""}>Address</Label>
        <Input
          className={field.input ?? ""}
          placeholder={kept || "https://pager.example/hooks/llmflow"}
          size={48}
          spellCheck={false}
        />
        <FieldError className={controls.problem} />
      </TextField>
      {kind === "webhook" && (
        <TextField className={field.field ?? ""} value={secret} onChange={setSecret} type="password" autoComplete="off">
          <Label className={field.label ?? ""}>Signing secret</Label>
          <Input className={field.input ?? ""} placeholder={kept || "whsec_…"} size={48} spellCheck={false} />
        </TextField>
      )}
    </EditForm>
  );
}
