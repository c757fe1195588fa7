import type { Wire } from "../../api/client";
import styles from "./alerts.module.css";

/** How a test notice arrived. */
export function Deliveries({ deliveries }: { deliveries: readonly Wire["Delivery"][] }) {
  return (
    <ul role="status" className={styles.deliveries} aria-label="Test notice">
      {deliveries.length === 0 && <li>There is no channel to tell.</li>}
      {deliveries.map(({ channel, delivered, error, http_status }) => (
        <li key={channel} data-state={delivered ? "ok" : "firing"}>
          {channel}: {delivered ? `arrived (${http_status})` : error}
        </li>
      ))}
    </ul>
  );
}
