import { type ReactNode, useState } from "react";
import { Button, Input, TextField } from "react-aria-components";
import { fitting } from "../model/find";
import { formatCount } from "../model/format";
import controls from "./controls.module.css";
import styles from "./Finder.module.css";
import fields from "./field.module.css";
import { Label } from "./Label";

/** What fits on about a screen needs no looking for. */
const FEW = 24;
/** As many as are drawn at once. */
const STEP = 100;

interface Found<T> {
  /** What of the list is to be drawn. */
  shown: readonly T[];
  /** The field to stand above a list that is not short. */
  field: ReactNode;
  /** The button to stand below one of which more is to come. */
  rest: ReactNode;
}

/** Finds things in a list by a part of their texts, `sought`, and draws many of them step by step. */
export function useFinder<T>(
  all: readonly T[],
  textOf: (one: T) => string,
  [typed, setTyped]: readonly [string, (text: string) => void],
): Found<T> {
  const [drawn, setDrawn] = useState(STEP);
  const found = fitting(all, textOf, typed);
  const more = found.length - drawn;
  const write = (text: string) => {
    setTyped(text);
    setDrawn(STEP);
  };
  return {
    shown: more > 0 ? found.slice(0, drawn) : found,
    field: (all.length > FEW || typed !== "") && (
      <div className={styles.finder}>
        <TextField className={fields.field ?? ""} value={typed} onChange={write}>
          <Label className={fields.label ?? ""}>Find</Label>
          <Input className={fields.input ?? ""} spellCheck={false} autoComplete="off" />
        </TextField>
        <span role="status">{typed.trim() !== "" && `${formatCount(found.length)} of ${formatCount(all.length)}`}</span>
      </div>
    ),
    rest: more > 0 && (
      <Button className={`${controls.button} ${controls.more}`} onPress={() => setDrawn(drawn + STEP)}>
        {`Show ${formatCount(Math.min(more, STEP))} of ${formatCount(more)} more`}
      </Button>
    ),
  };
}
