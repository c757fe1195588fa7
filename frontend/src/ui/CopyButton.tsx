import { IconCheck, IconCopy } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { Button } from "react-aria-components";
import styles from "./CopyButton.module.css";

interface Props {
  /** What the button copies, for its name: "trace ID" reads "Copy trace ID". */
  what: string;
  text: string | (() => string);
  /** Shown beside the icon. */
  label?: string;
}

export function CopyButton({ what, text, label }: Props) {
  const [outcome, setOutcome] = useState<"copied" | "failed" | null>(null);
  useEffect(() => {
    if (outcome === null) return;
    const timer = setTimeout(() => setOutcome(null), 1500);
    return () => clearTimeout(timer);
  }, [outcome]);
  const copy = async () => {
    const copied = await writeClipboard(typeof text === "string" ? text : text());
    setOutcome(copied ? "copied" : "failed");
  };
  const state = outcome === "copied" ? "Copied" : "Could not copy";
  return (
    <Button className={styles.copy} aria-label={outcome ? `${state}: ${what}` : `Copy ${what}`} onPress={copy}>
      {outcome === "copied" ? (
        <IconCheck size={14} stroke={2} aria-hidden />
      ) : (
        <IconCopy size={14} stroke={1.6} aria-hidden />
      )}
      {label && <span>{outcome ? state : label}</span>}
    </Button>
  );
}

/** Copies a text; whether that worked. */
export async function writeClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return writeBySelection(text);
  }
}

/** Plain HTTP on another host than localhost has no clipboard API; selecting and copying works there. */
function writeBySelection(text: string): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  area.style.position = "fixed";
  area.style.opacity = "0";
  document.body.append(area);
  const focused = document.activeElement;
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return copied;
}
