import { formatCount, plural } from "../model/format";
import styles from "./VirtualTable.module.css";

/** Input and output tokens. */
export function Tokens({ input, output }: { input: number | null; output: number | null }) {
  if (!input && !output) return <span className={styles.quiet}>–</span>;
  return (
    <span title={`${plural(input ?? 0, "input token")}, ${plural(output ?? 0, "output token")}`}>
      {formatCount(input ?? 0)}
      <span className={styles.quiet}> → </span>
      {formatCount(output ?? 0)}
    </span>
  );
}

/** A text that may not fit, in full when pointed at. */
export function Text({ value }: { value: string | null }) {
  return <span title={value ?? undefined}>{value}</span>;
}
