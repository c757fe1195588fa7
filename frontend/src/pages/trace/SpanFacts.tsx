import { formatCount, formatDuration } from "../../model/format";
import type { Span, SpanDetail } from "../../model/span";
import type { Trace } from "../../model/trace";
import { Cost } from "../../ui/Cost";
import { Fact, Facts } from "../../ui/Facts";
import { Time } from "../../ui/Time";
import { typeColor } from "../../ui/TypeMark";
import styles from "./SpanFacts.module.css";

/** When, how long, with what model, how many tokens and at what cost. */
export function SpanFacts({ trace, span, detail }: { trace: Trace; span: Span; detail: SpanDetail | undefined }) {
  const model = [span.provider, span.responseModel ?? span.model].filter(Boolean).join(" · ");
  const asked = span.responseModel && span.model && span.model !== span.responseModel ? ` (asked: ${span.model})` : "";
  const ofTrace = new Set([trace.userId, trace.sessionId, trace.environment, trace.tags.join(", "), trace.service]);
  const own = detail?.facts.filter(([, value]) => !ofTrace.has(value)) ?? [];
  return (
    <div className={styles.facts}>
      <Timing span={span} tokensPerSecond={detail?.tokensPerSecond ?? null} />
      <Usage span={span} detail={detail} />
      <div className={styles.list}>
        <Facts>
          {model && <Fact name="Model">{model + asked}</Fact>}
          {detail && detail.finishReasons.length > 0 && <Fact name="Finished">{detail.finishReasons.join(", ")}</Fact>}
          {span.service && !ofTrace.has(span.service) && <Fact name="Service">{span.service}</Fact>}
          {own.map(([name, value]) => (
            <Fact key={name} name={name}>
              {value}
            </Fact>
          ))}
        </Facts>
      </div>
    </div>
  );
}

function Timing({ span, tokensPerSecond }: { span: Span; tokensPerSecond: number | null }) {
  const { firstTokenNs, durationNs } = span;
  const share = firstTokenNs === null || durationNs === 0 ? 0 : Math.min(100, (firstTokenNs / durationNs) * 100);
  return (
    <div className={styles.timing}>
      <div className={styles.times}>
        <strong>{formatDuration(durationNs)}</strong>
        <span>
          at +{formatDuration(span.offsetNs)}, <Time iso={span.startTime} />
        </span>
      </div>
      {firstTokenNs !== null && (
        <>
          <div className={styles.split} style={{ color: typeColor(span.type) }} aria-hidden="true">
            <span style={{ width: `${share}%` }} />
          </div>
          <div className={styles.times}>
            <span>first token after {formatDuration(firstTokenNs)}</span>
            <span>
              {formatDuration(Math.max(0, durationNs - firstTokenNs))} generating
              {tokensPerSecond !== null && `, ${tokensPerSecond.toFixed(1)} tokens/s`}
            </span>
          </div>
        </>
      )}
    </div>
  );
}

function Usage({ span, detail }: { span: Span; detail: SpanDetail | undefined }) {
  const { inputTokens, outputTokens } = span;
  if (inputTokens === null && outputTokens === null && span.cost === null) return null;
  const total = (inputTokens ?? 0) + (outputTokens ?? 0);
  return (
    <table className={styles.usage}>
      <caption>Usage and cost</caption>
      <thead>
        <tr>
          <td />
          <th scope="col">Tokens</th>
          <th scope="col">Of these</th>
          <th scope="col">Cost</th>
        </tr>
      </thead>
      <tbody>
        <tr>
          <th scope="row">Input</th>
          <td>{count(inputTokens)}</td>
          <td>{parts({ "cache read": span.cacheReadTokens, "cache write": span.cacheWriteTokens })}</td>
          <td>
            <Cost usd={detail?.inputCost ?? null} />
          </td>
        </tr>
        <tr>
          <th scope="row">Output</th>
          <td>{count(outputTokens)}</td>
          <td>{parts({ reasoning: span.reasoningTokens })}</td>
          <td>
            <Cost usd={detail?.outputCost ?? null} />
          </td>
        </tr>
        <tr>
          <th scope="row">Total</th>
          <td>{count(total)}</td>
          <td />
          <td>
            <Cost usd={span.cost} unpriced={span.cost === null && total > 0 ? 1 : 0} />
          </td>
        </tr>
      </tbody>
    </table>
  );
}

function count(tokens: number | null): string {
  return tokens === null ? "–" : formatCount(tokens);
}

function parts(named: Record<string, number | null>): string {
  return Object.entries(named)
    .filter(([, tokens]) => tokens)
    .map(([name, tokens]) => `${formatCount(tokens ?? 0)} ${name}`)
    .join(", ");
}
