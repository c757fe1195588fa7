import { type ReactNode, useState } from "react";
import { Button } from "react-aria-components";
import { formatCount } from "../model/format";
import { CopyButton } from "./CopyButton";
import styles from "./Fold.module.css";

/** What of a long text is shown at first. */
const BEGINNING = { characters: 1500, lines: 24 };
const SHORT_BEGINNING = { characters: 400, lines: 6 };
/** The most that one click adds: browsers take long to lay out megabytes of text. */
const STEP = 100_000;

interface Props {
  text: string;
  what: string;
  /** Whether it is folded early. */
  short?: boolean;
  /** How to show what is not folded away, other than as it is. */
  render?: ((text: string) => ReactNode) | undefined;
}

/** Text as it is, of which a long one shows its beginning and the rest on request. */
export function FoldedText({ text, what, short = false, render }: Props) {
  const folded = foldAt(text, short ? SHORT_BEGINNING : BEGINNING);
  const [shown, setShown] = useState(folded);
  const rest = text.length - shown;
  const visible = rest > 0 ? `${text.slice(0, shown)}…` : text;
  return (
    <div>
      {render ? render(visible) : <div className={styles.text}>{visible}</div>}
      {folded < text.length && (
        <div className={styles.controls}>
          {rest > 0 && (
            <Button className={styles.more} onPress={() => setShown(Math.min(text.length, shown + STEP))}>
              {rest > STEP
                ? `Show ${formatCount(STEP)} of ${formatCount(rest)} more characters`
                : `Show ${formatCount(rest)} more characters`}
            </Button>
          )}
          {shown > folded && (
            <Button className={styles.more} onPress={() => setShown(folded)}>
              Show less
            </Button>
          )}
          <CopyButton what={what} text={text} />
        </div>
      )}
    </div>
  );
}

/** How many characters to show at first: all of a short text. */
export function foldAt(text: string, { characters, lines }: typeof BEGINNING): number {
  let end = -1;
  for (let line = 0; line < lines; line++) {
    end = text.indexOf("\n", end + 1);
    if (end < 0 || end > characters) break;
  }
  const limit = end < 0 ? characters : Math.min(end, characters);
  return text.length <= limit * 1.25 ? text.length : limit;
}
