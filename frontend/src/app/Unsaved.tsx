import { hashKey } from "@tanstack/react-query";
import { type ShouldBlockFn, useBlocker } from "@tanstack/react-router";
import { useCallback, useEffect, useState } from "react";
import { Button, Dialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import controls from "../ui/controls.module.css";
import dialogs from "../ui/dialog.module.css";
import { whenLeaving } from "./leave";

interface Props {
  when: boolean;
  /** The parts of the URL's query whose change takes it away; any of them, if none is named. */
  of?: readonly string[];
}

/**
 * Asks before something that was written and not saved is left `when` there is such: by a link, Back, with the tab, or
 * by logging out.
 * What a form does itself navigates with `ignoreBlocker`. Where a session has ended nobody is asked, since the page
 * stays as it is behind the login.
 */
export function Unsaved({ when, of }: Props) {
  const leaves = useCallback<ShouldBlockFn>(
    ({ current, next }) =>
      !of || current.pathname !== next.pathname || of.some((name) => queryOf(current)[name] !== queryOf(next)[name]),
    [of],
  );
  const { status, proceed, reset } = useBlocker({
    shouldBlockFn: leaves,
    enableBeforeUnload: when,
    disabled: !when,
    withResolver: true,
  });
  const [leave, setLeave] = useState<(leaves: boolean) => void>();
  useEffect(() => {
    if (when) return whenLeaving(() => new Promise((resolve) => setLeave(() => resolve)));
  }, [when]);
  if (status !== "blocked" && !leave) return null;
  const answer = (leaves: boolean) => {
    leave?.(leaves);
    setLeave(undefined);
    if (leaves) proceed?.();
    else reset?.();
  };
  const stay = () => answer(false);
  return (
    <ModalOverlay className={dialogs.overlay ?? ""} isOpen onOpenChange={stay} isDismissable>
      <Modal className={dialogs.modal ?? ""}>
        <Dialog className={dialogs.dialog ?? ""} role="alertdialog">
          <Heading slot="title">Leave without saving?</Heading>
          <p>What you have written here is not saved.</p>
          <span className={dialogs.actions}>
            <Button autoFocus className={controls.button} onPress={stay}>
              Stay
            </Button>
            <Button className={`${controls.button} ${controls.dangerous}`} onPress={() => answer(true)}>
              Leave
            </Button>
          </span>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

/** Whether what is written says something else than what it began as. */
export function differs(written: unknown, initial: unknown): boolean {
  return hashKey([written]) !== hashKey([initial]);
}

function queryOf({ search }: { search: object }): Record<string, unknown> {
  return { ...search };
}
