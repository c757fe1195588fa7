import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button, Menu, MenuItem, MenuTrigger, Popover } from "react-aria-components";
import { type Alert, deleteAlert, silenceAlert, testAlert, type Wire } from "../../api/client";
import { ALERTS } from "../../app/alertQueries";
import { ConfirmButton } from "../../ui/ConfirmButton";
import field from "../../ui/field.module.css";
import styles from "./alerts.module.css";
import { Deliveries } from "./Deliveries";

const HOUR_MS = 3_600_000;
const SILENCES = { 1: "1 hour", 8: "8 hours", 24: "1 day", 168: "1 week" } as const;

interface Props {
  alert: Alert;
  onEdit: () => void;
}

/** What can be done with a rule or a budget. */
export function AlertActions({ alert, onEdit }: Props) {
  const { name, silenced_until } = alert;
  const client = useQueryClient();
  const refresh = () => client.invalidateQueries({ queryKey: ALERTS });
  const remove = useMutation({ mutationFn: () => deleteAlert(alert), onSettled: refresh });
  const silence = useMutation({
    mutationFn: (until: string | null) => silenceAlert(alert, until),
    onSettled: refresh,
  });
  const [tried, setTried] = useState<Wire["Delivery"][] | null>(null);
  const attempt = useMutation({
    mutationFn: () => testAlert(alert),
    onSuccess: ({ deliveries }) => setTried(deliveries),
  });
  const isSilent = silenced_until !== null && new Date(silenced_until) > new Date();
  const failure = remove.error ?? silence.error ?? attempt.error;
  return (
    <div className={styles.actions}>
      <Button className={styles.action} aria-label={`Edit ${name}`} onPress={onEdit}>
        Edit
      </Button>
      <Button
        className={styles.action}
        aria-label={`Test ${name}`}
        data-pending={attempt.isPending || undefined}
        onPress={() => attempt.isPending || attempt.mutate()}
      >
        Test
      </Button>
      {isSilent ? (
        <Button
          className={styles.action}
          aria-label={`End the silence of ${name}`}
          onPress={() => silence.mutate(null)}
        >
          End silence
        </Button>
      ) : (
        <MenuTrigger>
          <Button className={styles.action} aria-label={`Silence ${name}`}>
            Silence
          </Button>
          <Popover className={field.popover} placement="bottom end">
            <Menu
              className={field.list}
              aria-label="Silence for"
              onAction={(hours) => silence.mutate(new Date(Date.now() + Number(hours) * HOUR_MS).toISOString())}
            >
              {Object.entries(SILENCES).map(([hours, label]) => (
                <MenuItem key={hours} id={hours} className={field.option}>
                  {label}
                </MenuItem>
              ))}
            </Menu>
          </Popover>
        </MenuTrigger>
      )}
      <ConfirmButton label="Delete" what={name} onConfirm={() => remove.mutate()} />
      {failure && <span role="alert">{failure.message}</span>}
      {tried && <Deliveries deliveries={tried} />}
    </div>
  );
}
