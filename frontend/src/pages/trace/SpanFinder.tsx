import { useRef, useState } from "react";
import { Input, SearchField, ToggleButton } from "react-aria-components";
import { useShortcuts } from "../../app/hooks";
import styles from "./SpanFinder.module.css";

interface Props {
  text: string;
  /** How many spans are found; null while nothing is looked for. */
  count: number | null;
  critical: boolean;
  onText: (text: string) => void;
  onNext: () => void;
  onCritical: (critical: boolean) => void;
}

/** Looks for spans by name, model, service, type or error, and points out the critical path. Enter goes to the next. */
export function SpanFinder({ text, count, critical, onText, onNext, onCritical }: Props) {
  const [draft, setDraft] = useState(text);
  const field = useRef<HTMLInputElement>(null);
  useShortcuts({
    "/": (event) => {
      event.preventDefault();
      field.current?.focus();
    },
  });
  const change = (value: string) => {
    setDraft(value);
    onText(value);
  };
  return (
    <div className={styles.finder}>
      <SearchField className={styles.field} aria-label="Find spans" value={draft} onChange={change} onSubmit={onNext}>
        <Input ref={field} className={styles.input} placeholder="Find spans" spellCheck={false} />
      </SearchField>
      <span role="status" className={styles.count}>
        {count === null ? "" : `${count} found`}
      </span>
      <ToggleButton className={styles.toggle} isSelected={critical} onChange={onCritical}>
        Critical path
      </ToggleButton>
    </div>
  );
}
