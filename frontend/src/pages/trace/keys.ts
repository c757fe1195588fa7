/** What the keys do on the trace page, for its help. */
export const TRACE_KEYS: readonly { keys: readonly string[]; does: string }[] = [
  { keys: ["↓", "j"], does: "Next span" },
  { keys: ["↑", "k"], does: "Previous span" },
  { keys: ["→"], does: "Open the span’s children, then go to the first" },
  { keys: ["←"], does: "Close the span’s children, then go to its parent" },
  { keys: ["Home", "End"], does: "First and last span" },
  { keys: ["Page Up", "Page Down"], does: "Fifteen spans up and down" },
  { keys: ["e"], does: "Next span that failed" },
  { keys: ["/"], does: "Find spans; Enter goes to the next one found" },
  { keys: ["c"], does: "Compare the span with another one" },
  { keys: ["?"], does: "Show these keys" },
];
