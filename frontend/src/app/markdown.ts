import { useSyncExternalStore } from "react";

const KEY = "llmflow.markdown";
const listeners = new Set<() => void>();

/** Whether messages are shown as Markdown, as this browser's user chose; they are until told otherwise. */
export function useMarkdown(): boolean {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => localStorage.getItem(KEY) !== "off",
  );
}

export function setMarkdown(on: boolean): void {
  if (on) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, "off");
  for (const listener of listeners) listener();
}
