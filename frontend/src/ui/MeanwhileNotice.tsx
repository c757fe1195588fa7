import { IconAlertTriangle } from "@tabler/icons-react";
import { Button } from "react-aria-components";
import { ApiError } from "../api/errors";
import type { Meanwhile } from "../model/meanwhile";
import { Failure } from "./Failure";
import styles from "./notice.module.css";

const TITLES: Record<Meanwhile, string> = {
  changed: "Changed by someone else meanwhile",
  gone: "Deleted meanwhile",
  taken: "There is one of that name already",
};
const SAVES: Record<Meanwhile, string> = {
  changed: "Save mine anyway",
  gone: "Save as a new one",
  taken: "Save mine in its place",
};

interface Props {
  state: Meanwhile | null;
  /** The saving of what is written, and why it failed if that is not said elsewhere. */
  save: { error: Error | null; isPending: boolean; reset: () => void };
  /** Whether what is written can be saved. */
  canSave?: boolean;
  /** Shows what there is now in the place of what is written. */
  onShow: () => void;
  /** Saves what is written over what there is now. */
  onSave: () => void;
}

/** In a form: what others have done to the thing since it was begun, and the ways on; or why it was not saved. */
export function MeanwhileNotice({ state, save, canSave = true, onShow, onSave }: Props) {
  const { error } = save;
  const show = () => {
    save.reset();
    onShow();
  };
  const isSaid = error instanceof ApiError && (error.status === 412 || error.status === 404);
  return (
    <>
      {error && !(state && isSaid) && <Failure error={error} />}
      {state && (
        <div role="alert" className={`${styles.failure} ${styles.caution}`}>
          <IconAlertTriangle size={20} stroke={1.6} aria-hidden />
          <div>
            <h2>{TITLES[state]}</h2>
            <p>What you have written is still here, and not saved.</p>
            <span className={styles.ways}>
              {state !== "gone" && (
                <Button className={styles.button} onPress={show}>
                  Show theirs
                </Button>
              )}
              <Button
                className={styles.button}
                isDisabled={!canSave}
                data-pending={save.isPending || undefined}
                onPress={() => save.isPending || onSave()}
              >
                {SAVES[state]}
              </Button>
            </span>
          </div>
        </div>
      )}
    </>
  );
}
