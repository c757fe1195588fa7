import type { ReactNode } from "react";
import styles from "./Page.module.css";

interface Props {
  title: string;
  /** Beside the title. */
  beside?: ReactNode;
  /** Below it: filters. */
  bar?: ReactNode;
  /** Whether the content scrolls as a whole; otherwise it fills the page and scrolls by itself. */
  scrolls?: boolean;
  children: ReactNode;
}

/** A page's title, filters and content. */
export function Page({ title, beside, bar, scrolls = false, children }: Props) {
  return (
    <div className={styles.page}>
      <title>{`${title} · LLMFlow`}</title>
      <div className={styles.head}>
        <h1 title={title}>{title}</h1>
        {beside}
      </div>
      {bar}
      {scrolls ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, which the keyboard must reach
        <section className={styles.scrolling} tabIndex={0} aria-label={`${title}, content`}>
          {children}
        </section>
      ) : (
        children
      )}
    </div>
  );
}

export function Loading({ what }: { what: string }) {
  return (
    <p role="status" className={styles.loading}>
      Loading {what}…
    </p>
  );
}
