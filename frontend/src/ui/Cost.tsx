import { formatCost, plural } from "../model/format";
import styles from "./Cost.module.css";
import hidden from "./hidden.module.css";

/** A cost in US dollars; says so when calls without a known price are missing from it. */
export function Cost({ usd, unpriced = 0 }: { usd: number | null; unpriced?: number }) {
  if (unpriced > 0) {
    const missing = `${plural(unpriced, "call")} without a known price`;
    return (
      <span title={missing} className={styles.partial}>
        {usd === null ? "unpriced" : `${formatCost(usd)} +?`}
        <span className={hidden.hidden}> ({missing})</span>
      </span>
    );
  }
  return usd === null ? <span className={styles.none}>–</span> : <span title={`$${usd}`}>{formatCost(usd)}</span>;
}
