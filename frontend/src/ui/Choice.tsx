import { IconSelector } from "@tabler/icons-react";
import { useState } from "react";
import { Button, ComboBox, Input, ListBox, ListBoxItem, Popover } from "react-aria-components";
import styles from "./field.module.css";
import { Label } from "./Label";

interface Props {
  label: string;
  /** What was chosen or written. */
  value: string;
  options: readonly { id: string; label: string }[];
  placeholder?: string;
  /** Whether a text that is no option can be the value. */
  isValid: (text: string) => boolean;
  onChange: (value: string) => void;
}

/** A labelled choice of one that also takes another value, written by hand. */
export function Choice({ label, value, options, placeholder, isValid, onChange }: Props) {
  const shown = options.find(({ id }) => id === value)?.label ?? value;
  const [last, setLast] = useState(shown);
  const [text, setText] = useState(shown);
  if (last !== shown) {
    setLast(shown);
    setText(shown);
  }
  const commit = (written: string) => {
    const known = options.find((option) => option.label.toLowerCase() === written.toLowerCase());
    const next = known?.id ?? written;
    if (next === value) setText(shown);
    else if (known || isValid(next)) onChange(next);
    else setText(shown);
  };
  return (
    <ComboBox
      className={styles.field}
      allowsCustomValue
      menuTrigger="focus"
      inputValue={text}
      onInputChange={setText}
      selectedKey={options.some(({ id }) => id === value) ? value : null}
      onSelectionChange={(key) =>
        commit(key === null ? text.trim() : String(options.find(({ id }) => id === key)?.label))
      }
      defaultItems={options}
      onBlur={() => commit(text.trim())}
    >
      <Label className={styles.label}>{label}</Label>
      <Input className={styles.input} size={14} {...(placeholder && { placeholder })} spellCheck={false} />
      <Button className={styles.choice}>
        <IconSelector size={14} stroke={1.6} aria-hidden />
      </Button>
      <Popover className={styles.popover} placement="bottom start">
        <ListBox className={styles.list}>
          {(option: { id: string; label: string }) => (
            <ListBoxItem id={option.id} className={styles.option} textValue={option.label}>
              {option.label}
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </ComboBox>
  );
}
