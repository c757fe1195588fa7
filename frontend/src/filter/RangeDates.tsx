import { useId, useState } from "react";
import styles from "../ui/field.module.css";

interface Props {
  from: string | undefined;
  to: string | undefined;
  onChange: (range: { from?: string | undefined } | { to?: string | undefined }) => void;
}

/** Two local times between which traces start; each counts once it is left, or by Enter. */
export function RangeDates({ from, to, onChange }: Props) {
  return (
    <>
      <DateField label="From" iso={from} onChange={(iso) => onChange({ from: iso })} />
      <DateField label="To" iso={to} onChange={(iso) => onChange({ to: iso })} />
    </>
  );
}

interface FieldProps {
  label: string;
  iso: string | undefined;
  onChange: (iso: string | undefined) => void;
}

function DateField({ label, iso, onChange }: FieldProps) {
  const id = useId();
  const shown = iso ? localOf(iso) : "";
  // A time is complete, and another one, after each digit: to go there at once would end the writing.
  const [typed, setTyped] = useState<string | null>(null);
  const commit = (isIncomplete: boolean) => {
    setTyped(null);
    if (typed === null || typed === shown || isIncomplete) return;
    onChange(typed === "" ? undefined : new Date(typed).toISOString());
  };
  return (
    <div className={styles.field}>
      <label htmlFor={id} className={styles.label}>
        {label}
      </label>
      <input
        id={id}
        type="datetime-local"
        max="9999-12-31T23:59"
        className={styles.input}
        value={typed ?? shown}
        onChange={({ target }) => setTyped(target.value)}
        onBlur={({ target }) => commit(target.validity.badInput)}
        onKeyDown={({ key, currentTarget }) => key === "Enter" && commit(currentTarget.validity.badInput)}
      />
    </div>
  );
}

/** An instant as `datetime-local` wants it: local, to the minute. */
function localOf(iso: string): string {
  const time = new Date(iso);
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
