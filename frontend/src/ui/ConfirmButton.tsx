import { useEffect, useState } from "react";
import { Button } from "react-aria-components";
import controls from "./controls.module.css";

/** How long a first press stays, in ms. */
const WAITS_MS = 4000;

interface Props {
  label: string;
  what: string;
  isDisabled?: boolean;
  /** Whether what was confirmed is still being done. */
  isPending?: boolean;
  onConfirm: () => void;
}

/** A button for what cannot be taken back: it asks for a second press, as which the other half of a double click is none. */
export function ConfirmButton({ label, what, isDisabled = false, isPending = false, onConfirm }: Props) {
  const [asked, setAsked] = useState(false);
  useEffect(() => {
    if (!asked) return;
    const timer = setTimeout(() => setAsked(false), WAITS_MS);
    return () => clearTimeout(timer);
  }, [asked]);
  return (
    <Button
      className={controls.danger}
      isDisabled={isDisabled}
      data-pending={isPending || undefined}
      aria-label={asked ? `Really ${label.toLowerCase()} ${what}?` : `${label} ${what}`}
      onClick={({ detail }) => {
        if (isPending || (asked && detail === 2)) return;
        setAsked(!asked);
        if (asked) onConfirm();
      }}
    >
      {asked ? "Really?" : label}
    </Button>
  );
}
