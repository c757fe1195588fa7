import { IconSelector } from "@tabler/icons-react";
import { Select as AriaSelect, Button, Label, ListBox, ListBoxItem, Popover, SelectValue } from "react-aria-components";
import styles from "./field.module.css";

interface Props<K extends string> {
  label: string;
  value: K;
  options: readonly { id: K; label: string }[];
  onChange: (value: K) => void;
}

/** A labelled choice of one. */
export function Select<K extends string>({ label, value, options, onChange }: Props<K>) {
  return (
    <AriaSelect className={styles.field} value={value} onChange={(key) => onChange(key as K)}>
      <Label className={styles.label}>{label}</Label>
      <Button className={styles.choice}>
        <SelectValue className={styles.value} />
        <IconSelector size={14} stroke={1.6} aria-hidden />
      </Button>
      <Popover className={styles.popover} placement="bottom start">
        <ListBox className={styles.list} items={options}>
          {(option) => (
            <ListBoxItem className={styles.option} textValue={option.label}>
              {option.label}
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </AriaSelect>
  );
}

/** The options that labels by their ids are. */
export function optionsOf<K extends string>(labels: Readonly<Record<K, string>>): { id: K; label: string }[] {
  return Object.entries<string>(labels).map(([id, label]) => ({ id: id as K, label }));
}
