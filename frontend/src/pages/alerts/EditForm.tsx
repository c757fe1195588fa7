import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Button, Form } from "react-aria-components";
import { ALERTS } from "../../app/alertQueries";
import { Unsaved } from "../../app/Unsaved";
import controls from "../../ui/controls.module.css";
import { Failure } from "../../ui/Failure";
import styles from "./alerts.module.css";
import { filterError } from "./filterError";

interface Props {
  label: string;
  submit: string;
  canSave: boolean;
  /** Whether anything was written. */
  isChanged: boolean;
  save: { error: Error | null; isPending: boolean };
  onSave: () => void;
  onDone: () => void;
  children: ReactNode;
}

/** The frame of what is written on this page. An error of the filter is left to the filter's field. */
export function EditForm({ label, submit, canSave, isChanged, save, onSave, onDone, children }: Props) {
  return (
    <Form
      className={styles.form}
      aria-label={label}
      onSubmit={(event) => {
        event.preventDefault();
        onSave();
      }}
    >
      <Unsaved when={isChanged} />
      {children}
      {save.error && !filterError(save.error) && <Failure error={save.error} />}
      <div className={styles.line}>
        <Button type="submit" className={controls.button} isDisabled={!canSave || save.isPending}>
          {submit}
        </Button>
        <Button className={controls.button} onPress={onDone}>
          Cancel
        </Button>
      </div>
    </Form>
  );
}

/** Saves by `save`, after which everything of this page is asked for again and the form is done with. */
export function useSave<T = void>(save: (changed: T) => Promise<unknown>, onDone: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: save,
    onSuccess: () => {
      client.invalidateQueries({ queryKey: ALERTS });
      onDone();
    },
  });
}
