import { useId } from "react";
import styles from "../ui/field.module.css";

interface Props {
  from: string | undefined;
  to: string | undefined;
  onChange: (range: { from?: string | undefined } | { to?: string | undefined }) => void;
}

/** Two local times between which traces start. */
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
        value={iso ? localOf(iso) : ""}
        onChange={({ target }) => onChange(target.value === "" ? undefined : new Date(target.value).toISOString())}
      />
    </div>
  );
}

/** An instant as `datetime-local` wants it: local, to the minute. */
function localOf(iso: string): string {
  const time = new Date(iso);
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
