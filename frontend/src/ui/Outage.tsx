import { IconPlugConnectedX } from "@tabler/icons-react";
import { useOutage } from "../app/queries";
import styles from "./notice.module.css";

/** Says that the API is away, for as long as it is. */
export function Outage() {
  const reason = useOutage();
  return (
    <div role="status" className={styles.outageSlot}>
      {reason !== null && (
        <p className={styles.outage}>
          <IconPlugConnectedX size={18} stroke={1.6} aria-hidden />
          <span>
            <strong>LLMFlow’s API does not answer.</strong> {sentence(reason)} Trying again until it does.
          </span>
        </p>
      )}
    </div>
  );
}

function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
