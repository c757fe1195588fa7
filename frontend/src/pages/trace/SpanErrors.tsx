import { IconAlertTriangle } from "@tabler/icons-react";
import type { Span, SpanDetail } from "../../model/span";
import { isFailed } from "../../model/tree";
import { FoldedText } from "../../ui/Fold";
import styles from "./SpanErrors.module.css";

/** Why a span failed, in its own words: status, HTTP status, exceptions with their place. */
export function SpanErrors({ span, detail }: { span: Span; detail: SpanDetail | undefined }) {
  const exceptions = detail?.exceptions ?? [];
  if (!isFailed(span) && exceptions.length === 0) return null;
  const http = detail?.httpStatus ? `HTTP ${detail.httpStatus}` : null;
  return (
    <div className={styles.errors} role="group" aria-label="Error">
      <IconAlertTriangle size={18} stroke={1.7} aria-hidden className={styles.icon} />
      <div className={styles.text}>
        <h3>{[span.errorType, http].filter(Boolean).join(" · ") || "Failed"}</h3>
        {span.statusMessage && <FoldedText text={span.statusMessage} what="error message" />}
        {exceptions.map(({ type, message, stacktrace }, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: exceptions have no identity but their order
          <div key={index}>
            {message !== span.statusMessage && <p>{[type, message].filter(Boolean).join(": ")}</p>}
            {stacktrace && (
              <details>
                <summary>Stack trace</summary>
                <pre>{stacktrace}</pre>
              </details>
            )}
          </div>
        ))}
      </div>
    </div>
  );
}
