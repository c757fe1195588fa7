import { Suspense } from "react";
import { ToggleButton } from "react-aria-components";
import { setMarkdown, useMarkdown } from "../app/markdown";
import { FoldedText } from "./Fold";
import fold from "./Fold.module.css";
import { lazyPart } from "./lazyPart";
import styles from "./MessageText.module.css";

const Markdown = lazyPart(() => import("./Markdown"), Plain);

/** More than this is shown as it is: Markdown of it would hold up the page. */
const MARKDOWN_CHARACTERS = 30_000;
/** What every text with Markdown in it has somewhere; another one is the same either way, and needs no parser. */
const MARKED = /[*_`~#|[\]]|https?:|^\s*(?:[-+>]|\d+[.)])\s/m;

interface Props {
  text: string;
  what: string;
  short?: boolean;
}

/** What was said: as Markdown when the user likes it, else as it is; a long text folded. */
export function MessageText({ text, what, short = false }: Props) {
  return <FoldedText text={text} what={what} short={short} render={useMarkdown() ? asMarkdown : undefined} />;
}

function asMarkdown(text: string) {
  const plain = <Plain text={text} />;
  if (text.length > MARKDOWN_CHARACTERS || !MARKED.test(text)) return plain;
  return (
    <Suspense fallback={plain}>
      <Markdown text={text} />
    </Suspense>
  );
}

function Plain({ text }: { text: string }) {
  return <div className={fold.text}>{text}</div>;
}

export function MarkdownToggle() {
  return (
    <ToggleButton className={styles.toggle} isSelected={useMarkdown()} onChange={setMarkdown}>
      Markdown
    </ToggleButton>
  );
}
