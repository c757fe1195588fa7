import { Button } from "react-aria-components";
import styles from "./empty.module.css";

export function NoMatches({ onClear }: { onClear: () => void }) {
  return (
    <section className={styles.empty} aria-label="No matches">
      <h2>No trace matches these filters</h2>
      <p>Filters compare exactly: a model, service, user or session must be written as it was recorded.</p>
      <Button className={styles.action} onPress={onClear}>
        Show all traces
      </Button>
    </section>
  );
}
