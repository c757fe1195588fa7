import { IconX } from "@tabler/icons-react";
import { useRef, useState } from "react";
import { Button, ComboBox, Input, Label, ListBox, ListBoxItem, Popover } from "react-aria-components";
import styles from "./field.module.css";

interface Props {
  label: string;
  value: string;
  /** Values seen so far; any other may be typed. */
  suggestions: readonly string[];
  onCommit: (value: string) => void;
}

/** A text filter that takes effect on Enter, on leaving it, or when a suggestion is taken. */
export function FilterField({ label, value, suggestions, onCommit }: Props) {
  const [draft, setDraft] = useState(value);
  const [committed, setCommitted] = useState(value);
  if (committed !== value) {
    setCommitted(value);
    setDraft(value);
  }
  const root = useRef<HTMLDivElement>(null);
  const commit = (text: string) => {
    if (text.trim() !== value) onCommit(text.trim());
  };
  return (
    <ComboBox
      ref={root}
      className={styles.field}
      data-set={value === "" ? undefined : true}
      allowsCustomValue
      allowsEmptyCollection={false}
      menuTrigger="focus"
      defaultItems={suggestions.map((id) => ({ id }))}
      inputValue={draft}
      onInputChange={setDraft}
      onChange={(key) => key !== null && commit(String(key))}
      onBlur={() => commit(draft)}
    >
      <Label className={styles.label}>{label}</Label>
      <Input
        className={styles.input}
        placeholder="any"
        spellCheck={false}
        onKeyDown={(event) => event.key === "Enter" && commit(draft)}
      />
      {value !== "" && (
        <Button slot={null} className={styles.clear} aria-label={`Clear ${label}`} onPress={() => onCommit("")}>
          <IconX size={14} stroke={1.8} aria-hidden />
        </Button>
      )}
      <Popover className={styles.popover} triggerRef={root} placement="bottom start">
        <ListBox className={styles.list}>
          {({ id }: { id: string }) => (
            <ListBoxItem className={styles.option} textValue={id}>
              {id}
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </ComboBox>
  );
}
