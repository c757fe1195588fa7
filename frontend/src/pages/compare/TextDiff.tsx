import { useMemo } from "react";
import { textDiff } from "../../model/textDiff";
import { FoldedText } from "../../ui/Fold";
import styles from "./ComparePage.module.css";

interface Props {
  what: string;
  a: string;
  b: string;
}

/** More than this is not laid out: browsers take long over it. */
const CHARACTERS = 100_000;

/** Two texts beside each other with what only one of them has marked. */
export default function TextDiff({ what, a, b }: Props) {
  const long = a.length + b.length > 2 * CHARACTERS;
  const changes = useMemo(() => (a === b || long ? null : textDiff(a, b)), [a, b, long]);
  if (a === b) {
    return (
      <div className={styles.same}>
        <p className={styles.quiet}>The same on both sides.</p>
        {a && <FoldedText text={a} what={what} />}
      </div>
    );
  }
  return (
    <div className={styles.sides}>
      <div className={styles.text} role="group" aria-label={`${what} of A`}>
        {changes ? (
          changes.map(
            ({ value, added, removed }, index) =>
              !added && (
                // biome-ignore lint/suspicious/noArrayIndexKey: changes have no identity but their order
                <Piece key={index} text={value} as={removed ? "del" : "span"} />
              ),
          )
        ) : (
          <FoldedText text={a} what={`${what} of A`} />
        )}
      </div>
      <div className={styles.text} role="group" aria-label={`${what} of B`}>
        {changes ? (
          changes.map(
            ({ value, added, removed }, index) =>
              !removed && (
                // biome-ignore lint/suspicious/noArrayIndexKey: changes have no identity but their order
                <Piece key={index} text={value} as={added ? "ins" : "span"} />
              ),
          )
        ) : (
          <FoldedText text={b} what={`${what} of B`} />
        )}
      </div>
    </div>
  );
}

function Piece({ text, as: Element }: { text: string; as: "span" | "del" | "ins" }) {
  return <Element>{text}</Element>;
}
