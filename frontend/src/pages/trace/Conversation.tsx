import { useMemo } from "react";
import { type Conversation as Content, paired } from "../../model/conversation";
import { plural } from "../../model/format";
import details from "../../ui/details.module.css";
import { Json } from "../../ui/Json";
import { Messages } from "../../ui/Messages";
import { MarkdownToggle } from "../../ui/MessageText";
import styles from "./Conversation.module.css";

/** A span's content as people speak of it: messages in order, results with their calls, the answer set apart. */
export function Conversation({ conversation }: { conversation: Content }) {
  const input = useMemo(() => paired(conversation.input), [conversation]);
  const output = useMemo(() => paired(conversation.output), [conversation]);
  const { tools } = conversation;
  return (
    <div className={styles.conversation}>
      <div className={styles.bar}>
        {tools.length > 0 && (
          <details className={`${details.aside} ${styles.tools}`}>
            <summary>{plural(tools.length, "tool")} offered</summary>
            <Json value={tools} label="Tools offered" />
          </details>
        )}
        <MarkdownToggle />
      </div>
      {input.length > 0 && <Messages label="Input messages" messages={input} />}
      {output.length > 0 && <Messages label="Output messages" messages={output} answer />}
    </div>
  );
}
