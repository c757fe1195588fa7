import { TRACE_KEYS } from "../pages/trace/keys";
import { PAGES } from "./navigation";

/** Keys of which each does the same; those of one that are separated by a space are pressed one after the other. */
interface Shortcut {
  keys: readonly string[];
  does: string;
}

/** Every shortcut there is, by where it works, for the help. */
export const SHORTCUTS: readonly { where: string; shortcuts: readonly Shortcut[] }[] = [
  {
    where: "Everywhere",
    shortcuts: [
      { keys: ["Ctrl+K", "⌘K"], does: "Search pages, projects, views and traces" },
      { keys: ["?"], does: "Show this help" },
      { keys: ["D"], does: "Change the theme" },
    ],
  },
  { where: "Go to", shortcuts: PAGES.map(({ keys, label }) => ({ keys: [keys], does: label })) },
  {
    where: "Lists",
    shortcuts: [
      { keys: ["/"], does: "Write a filter" },
      { keys: ["j"], does: "Next row" },
      { keys: ["k"], does: "Row before" },
      { keys: ["Enter"], does: "Open the row" },
      { keys: ["p"], does: "Pause, or go on live" },
    ],
  },
  { where: "A trace", shortcuts: TRACE_KEYS.filter(({ keys }) => !keys.includes("?")) },
];
