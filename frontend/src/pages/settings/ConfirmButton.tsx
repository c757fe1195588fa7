import { useEffect, useState } from "react";
import { Button } from "react-aria-components";
import styles from "./settings.module.css";

/** How long a first press stays, in ms. */
const WAITS_MS = 4000;

/** A button for what cannot be taken back: it asks for a second press. */
export function ConfirmButton({ label, what, onConfirm }: { label: string; what: string; onConfirm: () => void }) {
  const [asked, setAsked] = useState(false);
  useEffect(() => {
    if (!asked) return;
    const timer = setTimeout(() => setAsked(false), WAITS_MS);
    return () => clearTimeout(timer);
  }, [asked]);
  return (
    <Button
      className={styles.danger}
      aria-label={asked ? `Really ${label.toLowerCase()} ${what}?` : `${label} ${what}`}
      onPress={() => (asked ? onConfirm() : setAsked(true))}
    >
      {asked ? "Really?" : label}
    </Button>
  );
}
