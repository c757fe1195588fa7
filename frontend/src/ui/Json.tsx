import { useMemo } from "react";
import { JsonView } from "react-json-view-lite";
import { formatCount } from "../model/format";
import { FoldedText } from "./Fold";
import styles from "./Json.module.css";

const LOOK = {
  container: styles.container ?? "",
  basicChildStyle: styles.child ?? "",
  childFieldsContainer: styles.fields ?? "",
  label: styles.label ?? "",
  clickableLabel: `${styles.label} ${styles.clickable}`,
  nullValue: styles.other ?? "",
  undefinedValue: styles.other ?? "",
  numberValue: styles.number ?? "",
  stringValue: styles.string ?? "",
  booleanValue: styles.number ?? "",
  otherValue: styles.other ?? "",
  punctuation: styles.punctuation ?? "",
  expandIcon: `${styles.icon} ${styles.closed}`,
  collapseIcon: `${styles.icon} ${styles.open}`,
  collapsedContent: styles.collapsed ?? "",
  noQuotesForStringValues: false,
  quotesForFieldNames: false,
  ariaLables: { collapseJson: "Collapse", expandJson: "Expand" },
  stringifyStringValues: false,
};

/** Objects up to this size open by themselves. */
const OPEN_ENTRIES = 40;

/** Texts in a tree longer than this show their beginning only: browsers take long to lay out megabytes. */
const LONGEST = 20_000;

function shortened(value: unknown): unknown {
  if (typeof value === "string" && value.length > LONGEST) {
    return `${value.slice(0, LONGEST)}… (${formatCount(value.length - LONGEST)} more characters)`;
  }
  if (Array.isArray(value)) return value.map(shortened);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shortened(item)]));
}

/** A JSON value as a tree that opens and closes; a lone string as text. */
export function Json({ value, label }: { value: unknown; label: string }) {
  const shown = useMemo(() => (typeof value === "string" ? value : shortened(value)), [value]);
  if (typeof value === "string") return <FoldedText text={value} what={label} />;
  if (typeof value !== "object" || value === null) return <code>{JSON.stringify(value) ?? "–"}</code>;
  return (
    <JsonView
      data={shown as object}
      style={LOOK}
      aria-label={label}
      clickToExpandNode
      shouldExpandNode={(level, node) =>
        level < 3 &&
        Object.keys((node ?? {}) as object).length <= (level === 0 ? Number.POSITIVE_INFINITY : OPEN_ENTRIES)
      }
    />
  );
}
