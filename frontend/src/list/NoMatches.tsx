import { Button } from "react-aria-components";
import styles from "../ui/empty.module.css";

export function NoMatches({ noun, onClear }: { noun: string; onClear: () => void }) {
  return (
    <section className={styles.empty} aria-label="No matches">
      <h2>No {noun} match these filters</h2>
      <p>Values are compared exactly, unless they hold a *, as in model:gpt-4o*. A longer time may help too.</p>
      <Button className={styles.action} onPress={onClear}>
        Show all {noun}
      </Button>
    </section>
  );
}
