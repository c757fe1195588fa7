import type { ReactNode } from "react";
import styles from "./Facts.module.css";

interface Props {
  label?: string;
  hidden?: boolean;
  children: ReactNode;
}

/** Names and values in a line, of as many rows as they need. */
export function Facts({ label, hidden = false, children }: Props) {
  return (
    <dl className={styles.facts} aria-label={label} hidden={hidden}>
      {children}
    </dl>
  );
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
