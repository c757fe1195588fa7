import type { CSSProperties, ReactNode } from "react";
import { formatDuration, formatPercent } from "../../model/format";
import type { Span, SpanDetail } from "../../model/span";
import { phasesOf, selfTimeNs } from "../../model/timing";
import type { SpanTree } from "../../model/tree";
import { Time } from "../../ui/Time";
import { typeColor } from "../../ui/TypeMark";
import styles from "./Timing.module.css";

interface Props {
  tree: SpanTree;
  index: number;
  span: Span;
  detail: SpanDetail;
}

/** Where the span's time went: its phases, its place in the trace, and what it did itself. */
export function Timing({ tree, index, span, detail }: Props) {
  const phases = phasesOf(span, detail);
  const whole = Math.max(span.durationNs, ...phases.map(({ startNs, durationNs }) => startNs + durationNs));
  const self = selfTimeNs(tree, index);
  const { outputTokens, durationNs, firstTokenNs } = span;
  const generating = firstTokenNs === null ? null : durationNs - firstTokenNs;
  return (
    <div className={styles.timing}>
      {phases.length > 0 && (
        <table className={styles.phases} style={{ color: typeColor(span.type) }}>
          <caption>Phases</caption>
          <tbody>
            {phases.map((phase) => (
              <tr key={phase.name}>
                <th scope="row">{phase.name}</th>
                <td className={styles.lane}>
                  <span style={laneOf(phase.startNs, phase.durationNs, whole)} />
                </td>
                <td>{formatDuration(phase.durationNs)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <dl className={styles.facts}>
        <Row name="Started">
          <Time iso={span.startTime} full />, {formatDuration(span.offsetNs)} into the trace
        </Row>
        <Row name="Lasted">
          {formatDuration(durationNs)}
          {tree.durationNs > 0 && `, ${formatPercent(durationNs / tree.durationNs)} of the trace`}
        </Row>
        <Row name="Own time">
          {formatDuration(self)}
          {durationNs > 0 && `, ${formatPercent(self / durationNs)} of the span; the rest is its children’s`}
        </Row>
        {firstTokenNs !== null && <Row name="First token">after {formatDuration(firstTokenNs)}</Row>}
        {detail.tokensPerSecond !== null && (
          <Row name="Speed">{detail.tokensPerSecond.toFixed(1)} output tokens a second</Row>
        )}
        {generating !== null && outputTokens !== null && outputTokens > 1 && (
          <Row name="Between tokens">{formatDuration(generating / (outputTokens - 1))} on average</Row>
        )}
      </dl>
    </div>
  );
}

function Row({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function laneOf(startNs: number, durationNs: number, wholeNs: number): CSSProperties {
  const percent = (ns: number) => `${wholeNs > 0 ? (ns / wholeNs) * 100 : 0}%`;
  return { left: percent(startNs), width: percent(durationNs) };
}
