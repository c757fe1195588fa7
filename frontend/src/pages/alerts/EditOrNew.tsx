import type { ComponentType } from "react";
import { Button } from "react-aria-components";
import { useOpened } from "../../app/useDraft";
import { NEW } from "../../model/alerts";
import controls from "../../ui/controls.module.css";
import { Failure } from "../../ui/Failure";
import type { PartProps } from "./AlertsPage";

interface Props<Kept extends { id: string }> extends PartProps {
  /** What there is. */
  query: { data?: readonly Kept[] | undefined; error: Error | null; refetch: () => unknown };
  label: string;
  Form: ComponentType<{ project: string; now: Kept | null; onDone: () => void }>;
}

/** Above a list: the form of the one that is written, or the button that begins a new one. */
export function EditOrNew<Kept extends { id: string }>({ project, edit, onEdit, query, label, Form }: Props<Kept>) {
  const edited = query.data?.find(({ id }) => id === edit);
  const isOpen = useOpened(edit, edit === NEW || edited !== undefined);
  return (
    <>
      {isOpen ? (
        <Form key={edit} project={project} now={edited ?? null} onDone={() => onEdit(undefined)} />
      ) : (
        <Button className={controls.button} onPress={() => onEdit(NEW)}>
          {label}
        </Button>
      )}
      {query.error && <Failure error={query.error} onRetry={() => query.refetch()} />}
    </>
  );
}
