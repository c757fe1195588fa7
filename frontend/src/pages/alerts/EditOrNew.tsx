import type { ComponentType } from "react";
import { Button } from "react-aria-components";
import { NEW } from "../../model/alerts";
import controls from "../../ui/controls.module.css";
import { Failure } from "../../ui/Failure";
import type { PartProps } from "./AlertsPage";

interface Props<Kept extends { id: string }, Draft> extends PartProps {
  /** What there is. */
  query: { data?: readonly Kept[] | undefined; error: Error | null; refetch: () => unknown };
  label: string;
  /** What a new one begins as. */
  fresh: Draft;
  draftOf: (kept: Kept) => Draft;
  Form: ComponentType<{ project: string; id: string | null; initial: Draft; onDone: () => void }>;
}

/** Above a list: the form of the one that is written, or the button that begins a new one. */
export function EditOrNew<Kept extends { id: string }, Draft>({
  project,
  edit,
  onEdit,
  query,
  label,
  fresh,
  draftOf,
  Form,
}: Props<Kept, Draft>) {
  const edited = query.data?.find(({ id }) => id === edit);
  const draft = edit === NEW ? fresh : edited && draftOf(edited);
  return (
    <>
      {draft ? (
        <Form key={edit} project={project} id={edited?.id ?? null} initial={draft} onDone={() => onEdit(undefined)} />
      ) : (
        <Button className={controls.button} onPress={() => onEdit(NEW)}>
          {label}
        </Button>
      )}
      {query.error && <Failure error={query.error} onRetry={() => query.refetch()} />}
    </>
  );
}
