import { useEffect, useRef, useSyncExternalStore } from "react";

/** Whether a CSS media query holds, followed as it changes. */
export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (changed) => {
      const media = window.matchMedia(query);
      media.addEventListener("change", changed);
      return () => media.removeEventListener("change", changed);
    },
    () => window.matchMedia(query).matches,
  );
}

/** The width below which the page turns into one column; the style sheets say the same. */
export const NARROW = "(max-width: 760px)";

type Handlers = Record<string, (event: KeyboardEvent) => void>;

/** Where a key is text, or moves in a widget: a closed list too takes the beginning of an option. */
const OWN_KEYS = "input, textarea, select, [aria-haspopup=listbox], [role=listbox], [role=menu], [role=dialog]";
/** How long the first key of two waits for the second. */
const SEQUENCE_MS = 1500;

const registered = new Set<{ current: Handlers }>();
let begun = { keys: "", at: 0 };

/**
 * Runs a handler for keys pressed anywhere but in a text field, a menu or a dialog, or together with a modifier. Keys
 * one after the other are written with a space: `g t`.
 */
export function useShortcuts(handlers: Handlers): void {
  const latest = useRef(handlers);
  useEffect(() => {
    latest.current = handlers;
  });
  useEffect(() => {
    if (registered.size === 0) document.addEventListener("keydown", onKeyDown);
    registered.add(latest);
    return () => {
      registered.delete(latest);
      if (registered.size === 0) document.removeEventListener("keydown", onKeyDown);
    };
  }, []);
}

function onKeyDown(event: KeyboardEvent) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target instanceof Element && event.target.closest(OWN_KEYS)) return;
  const pending = begun.keys !== "" && event.timeStamp - begun.at < SEQUENCE_MS;
  const keys = pending ? `${begun.keys} ${event.key}` : event.key;
  const all = [...registered].map(({ current }) => current);
  const begins = all.some((handlers) => Object.keys(handlers).some((known) => known.startsWith(`${keys} `)));
  begun = { keys: begins ? keys : "", at: event.timeStamp };
  for (const handlers of all) handlers[keys]?.(event);
}
