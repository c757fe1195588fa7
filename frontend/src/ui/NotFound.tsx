import { Link } from "@tanstack/react-router";
import styles from "./notice.module.css";

export function NotFound() {
  return (
    <div className={styles.blank}>
      <title>Not found · LLMFlow</title>
      <h1>There is no such page</h1>
      <p>
        <Link to="/traces">Go to the traces</Link>
      </p>
    </div>
  );
}
