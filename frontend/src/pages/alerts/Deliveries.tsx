import type { Wire } from "../../api/client";
import styles from "./alerts.module.css";

/** How a test notice arrived. */
export function Deliveries({ deliveries }: { deliveries: readonly Wire["Delivery"][] }) {
  return (
    <div role="status" className={styles.deliveries} aria-label="Test notice">
      {deliveries.length === 0 && <p>There is no channel to tell.</p>}
      {deliveries.map(({ channel, delivered, error, http_status }) => (
        <p key={channel} data-state={delivered ? "ok" : "firing"}>
          {channel}: {delivered ? `arrived (${http_status})` : error}
        </p>
      ))}
    </div>
  );
}
