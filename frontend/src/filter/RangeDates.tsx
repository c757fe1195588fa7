import { type SyntheticEvent, useEffect, useId, useRef } from "react";
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
  // The browser keeps what is being written: when React wrote it too, each digit would begin again at the first part.
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (input.current) input.current.value = shown;
  }, [shown]);
  const commit = ({ currentTarget: { value, validity } }: SyntheticEvent<HTMLInputElement>) => {
    if (validity.badInput && input.current) input.current.value = shown;
    else if (value !== shown) onChange(value === "" ? undefined : new Date(value).toISOString());
  };
  return (
    <div className={styles.field}>
      <label htmlFor={id} className={styles.label}>
        {label}
      </label>
      <input
        ref={input}
        id={id}
        type="datetime-local"
        max="9999-12-31T23:59"
        className={styles.input}
        onBlur={commit}
        onKeyDown={(event) => event.key === "Enter" && commit(event)}
      />
    </div>
  );
}

/** An instant as `datetime-local` wants it: local, to the minute. */
function localOf(iso: string): string {
  const time = new Date(iso);
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
