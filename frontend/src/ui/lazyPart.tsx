import { type ComponentType, lazy } from "react";
import { load } from "../app/code";
import { Failure } from "./Failure";
import styles from "./notice.module.css";

/** A part of the page whose code comes when it is first shown. Where it cannot be had, `otherwise` is shown instead. */
export function lazyPart<Props extends object>(
  code: () => Promise<{ default: ComponentType<Props> }>,
  otherwise: ComponentType<Props> = NotLoaded,
) {
  return lazy(() => load(code).catch(() => ({ default: otherwise })));
}

/** Says that an upgrade has put other files in the place of those that the page knows. */
function NotLoaded() {
  return (
    <div className={styles.floating}>
      <Failure error={new NotThere()} onRetry={() => window.location.reload()} />
    </div>
  );
}

class NotThere extends Error {
  override readonly message = "Its code is not there any more: LLMFlow was upgraded. Try again to load the page anew.";
}
