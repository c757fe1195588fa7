import {
  IconArrowsSort,
  IconChecklist,
  IconDatabaseSearch,
  IconLink,
  IconPoint,
  IconRobot,
  IconShieldCheck,
  IconSparkles,
  IconTool,
  IconVector,
} from "@tabler/icons-react";
import type { ObservationType } from "../model/span";
import styles from "./TypeMark.module.css";

const ICONS: Record<ObservationType, typeof IconTool> = {
  generation: IconSparkles,
  embedding: IconVector,
  tool: IconTool,
  agent: IconRobot,
  chain: IconLink,
  retriever: IconDatabaseSearch,
  reranker: IconArrowsSort,
  guardrail: IconShieldCheck,
  evaluator: IconChecklist,
  span: IconPoint,
};

/** The colour that stands for a kind of span everywhere. */
export function typeColor(type: ObservationType): string {
  return `var(--${type})`;
}

export function TypeMark({ type }: { type: ObservationType }) {
  const Icon = ICONS[type];
  return (
    <span className={styles.mark} style={{ color: typeColor(type) }} title={type}>
      <Icon size={14} stroke={1.8} role="img" aria-label={type} />
    </span>
  );
}
