import { Button } from "react-aria-components";
import styles from "../ui/empty.module.css";

interface Props {
  noun: string;
  /** Whether the range ends before it begins. */
  isBackward: boolean;
  onClear: () => void;
}

export function NoMatches({ noun, isBackward, onClear }: Props) {
  return (
    <section className={styles.empty} aria-label="No matches">
      <h2>No {noun} match these filters</h2>
      <p>
        {isBackward
          ? "The time ends before it begins."
          : "Values are compared exactly, unless they hold a *, as in model:gpt-4o*. A longer time may help too."}
      </p>
      <Button className={styles.action} onPress={onClear}>
        Show all {noun}
      </Button>
    </section>
  );
}
