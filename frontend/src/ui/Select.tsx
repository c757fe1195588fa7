import { IconSelector } from "@tabler/icons-react";
import { useState } from "react";
import {
  Select as AriaSelect,
  Autocomplete,
  Button,
  Input,
  ListBox,
  ListBoxItem,
  Popover,
  SelectValue,
  TextField,
} from "react-aria-components";
import { firstOf } from "../model/find";
import styles from "./field.module.css";
import { Label } from "./Label";

/** Of more options than these one is found by typing a part of it. */
const SEARCHED = 24;
/** As many options as are drawn of those that fit. */
const DRAWN = 100;

interface Option<K extends string> {
  id: K;
  label: string;
}

interface Props<K extends string> {
  label: string;
  value: K;
  options: readonly Option<K>[];
  onChange: (value: K) => void;
}

/** A labelled choice of one, of few or of thousands. */
export function Select<K extends string>({ label, value, options, onChange }: Props<K>) {
  const [typed, setTyped] = useState("");
  const searched = options.length > SEARCHED;
  const { found, more } = firstOf(options, ({ label: text }) => text, searched ? typed : "", DRAWN, value);
  const list = (
    <ListBox
      className={styles.list}
      items={found}
      renderEmptyState={() => <p className={styles.more}>Nothing by that name.</p>}
    >
      {(option) => (
        <ListBoxItem className={styles.option} textValue={option.label}>
          {option.label}
        </ListBoxItem>
      )}
    </ListBox>
  );
  return (
    <AriaSelect
      className={styles.field}
      value={value}
      onChange={(key) => onChange(key as K)}
      onOpenChange={() => setTyped("")}
    >
      <Label className={styles.label}>{label}</Label>
      <Button className={styles.choice}>
        <SelectValue className={styles.value}>{options.find(({ id }) => id === value)?.label ?? value}</SelectValue>
        <IconSelector size={14} stroke={1.6} aria-hidden />
      </Button>
      <Popover className={styles.popover} placement="bottom start">
        {searched ? (
          <Autocomplete inputValue={typed} onInputChange={setTyped}>
            <TextField className={`${styles.field} ${styles.search}`} aria-label={`Search ${label}`} autoFocus>
              <Input className={styles.input} placeholder="Type a part of it" spellCheck={false} />
            </TextField>
            {list}
            <p role="status" className={styles.more}>
              {more > 0 && `and ${more.toLocaleString("en-US")} more`}
            </p>
          </Autocomplete>
        ) : (
          list
        )}
      </Popover>
    </AriaSelect>
  );
}

/** The options that labels by their ids are. */
export function optionsOf<K extends string>(labels: Readonly<Record<K, string>>): { id: K; label: string }[] {
  return Object.entries<string>(labels).map(([id, label]) => ({ id: id as K, label }));
}
