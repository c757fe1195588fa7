import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Button, Form } from "react-aria-components";
import { ALERTS } from "../../app/alertQueries";
import { Unsaved } from "../../app/Unsaved";
import { useFormFocus } from "../../app/useFormFocus";
import type { Meanwhile } from "../../model/meanwhile";
import controls from "../../ui/controls.module.css";
import { MeanwhileNotice } from "../../ui/MeanwhileNotice";
import styles from "./alerts.module.css";
import { filterError } from "./filterError";

interface Props {
  label: string;
  submit: string;
  canSave: boolean;
  /** Whether anything was written. */
  isChanged: boolean;
  save: { error: Error | null; isPending: boolean; isSuccess: boolean; reset: () => void };
  /** What has become of it since it was begun. */
  meanwhile: Meanwhile | null;
  onShowTheirs: () => void;
  /** Saves it over what it was when it was begun, or over what it is now. */
  onSave: (over: "begun" | "now") => void;
  onDone: () => void;
  children: ReactNode;
}

/** The frame of what is written on this page. An error of the filter is left to the filter's field. */
export function EditForm(props: Props) {
  const { label, submit, canSave, isChanged, save, onShowTheirs, onSave, onDone, children } = props;
  const form = useFormFocus();
  const meanwhile = save.isPending || save.isSuccess ? null : props.meanwhile;
  return (
    <Form
      ref={form}
      className={styles.form}
      aria-label={label}
      onSubmit={(event) => {
        event.preventDefault();
        if (!save.isPending) onSave("begun");
      }}
    >
      <Unsaved when={isChanged} />
      {children}
      <MeanwhileNotice
        state={meanwhile}
        save={filterError(save.error) ? { ...save, error: null } : save}
        canSave={canSave}
        onShow={onShowTheirs}
        onSave={() => onSave("now")}
      />
      <div className={styles.line}>
        <Button
          type="submit"
          className={controls.button}
          isDisabled={!canSave || meanwhile !== null}
          data-pending={save.isPending || undefined}
        >
          {submit}
        </Button>
        <Button className={controls.button} onPress={onDone}>
          Cancel
        </Button>
      </div>
    </Form>
  );
}

/** Saves by `save`, after which everything of this page is asked for again, and the form is done with if it is saved. */
export function useSave<T = void>(save: (changed: T) => Promise<unknown>, onDone: () => void) {
  const client = useQueryClient();
  const refresh = () => client.invalidateQueries({ queryKey: ALERTS });
  return useMutation({
    mutationFn: save,
    onSuccess: async () => {
      await refresh();
      onDone();
    },
    onError: refresh,
  });
}
