import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button, Dialog, Form, Heading, Modal, ModalOverlay } from "react-aria-components";
import { replayTo } from "../../api/client";
import { problemOf } from "../../api/errors";
import { projectDetailsQuery } from "../../app/queries";
import { localInput } from "../../model/destinations";
import controls from "../../ui/controls.module.css";
import dialogs from "../../ui/dialog.module.css";
import { Failure } from "../../ui/Failure";
import { Field } from "../../ui/Field";
import { Select } from "../../ui/Select";
import styles from "./Destinations.module.css";

const DAY_MS = 86_400_000;
const ALL = "";

interface Props {
  name: string;
  project: string | undefined;
  onBegun: () => void;
  onClose: () => void;
}

/** Asks which stored spans a destination is to get once more. */
export function ReplayDialog({ name, project, onBegun, onClose }: Props) {
  const projects = useQuery(projectDetailsQuery);
  const [chosen, setChosen] = useState(project ?? ALL);
  const [from, setFrom] = useState(() => localInput(new Date(Date.now() - DAY_MS)));
  const [to, setTo] = useState(() => localInput(new Date(Date.now() + 60_000)));
  const begin = useMutation({
    mutationFn: () =>
      replayTo(name, {
        from: new Date(from).toISOString(),
        to: new Date(to).toISOString(),
        project: chosen === ALL ? null : chosen,
      }),
    onSuccess: onBegun,
  });
  const time = (label: string, value: string, onChange: (value: string) => void) => (
    <Field
      label={label}
      type="datetime-local"
      value={value}
      onChange={onChange}
      problem={problemOf(begin.error, label === "From" ? "from" : "to")}
    />
  );
  return (
    <ModalOverlay className={dialogs.overlay ?? ""} isOpen onOpenChange={onClose} isDismissable>
      <Modal className={dialogs.modal ?? ""}>
        <Dialog className={dialogs.dialog ?? ""}>
          <Heading slot="title">Replay stored spans to {name}</Heading>
          <p>
            It gets what it selects of them, in its own dialect, at least once each: a tool that does not know a span
            again by its id shows it twice.
          </p>
          <Form
            className={`${controls.form} ${styles.form}`}
            onSubmit={(event) => {
              event.preventDefault();
              if (!begin.isPending) begin.mutate();
            }}
          >
            <Select
              label="Project"
              value={chosen}
              options={[
                { id: ALL, label: "all" },
                ...(projects.data ?? []).map(({ name: id, title }) => ({ id, label: title || id })),
              ]}
              onChange={setChosen}
            />
            {time("From", from, setFrom)}
            {time("Until", to, setTo)}
            <span className={styles.actions}>
              <Button
                type="submit"
                className={controls.button}
                isDisabled={!from || !to}
                data-pending={begin.isPending || undefined}
              >
                Replay
              </Button>
              <Button className={controls.button} onPress={onClose}>
                Cancel
              </Button>
            </span>
          </Form>
          {begin.error && <Failure error={begin.error} />}
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}
