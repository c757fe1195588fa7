import { jsonIn, type Message, type Part, type ToolResult } from "../model/conversation";
import { plural } from "../model/format";
import { isKeyOf } from "../model/keys";
import details from "./details.module.css";
import { Json } from "./Json";
import styles from "./Messages.module.css";
import { MessageText } from "./MessageText";

/** Text longer than this is not looked at for JSON. */
const JSON_CHARACTERS = 200_000;

const ROLES: Record<string, string> = {
  system: "System",
  developer: "Developer",
  user: "User",
  assistant: "Assistant",
  tool: "Tool",
  input: "Input",
  output: "Output",
};

/** Roles whose text is the same in every call, and so is folded early. */
const INSTRUCTIONS = new Set(["system", "developer"]);

interface Props {
  label: string;
  /** Results are with the calls that they answer: see `paired`. */
  messages: readonly Message[];
  /** Whether they are set apart from what stands before them. */
  answer?: boolean;
}

/** Messages in order, each by its role: text folded and as Markdown, calls with their results, images, reasoning. */
export function Messages({ label, messages, answer }: Props) {
  return (
    <ol className={styles.messages} aria-label={label} data-answer={answer}>
      {messages.map((message, index) => {
        const role = isKeyOf(ROLES, message.role) ? ROLES[message.role] : message.role;
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: messages have no identity but their order
          <li key={index} className={styles.message} data-role={message.role} aria-label={`${role} message`}>
            <div className={styles.role}>
              {role}
              {message.name && <span>{message.name}</span>}
              {message.finishReason && <span className={styles.finish}>{message.finishReason}</span>}
            </div>
            {message.parts.map((part, place) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: parts have no identity but their order
              <PartView key={place} part={part} instruction={INSTRUCTIONS.has(message.role)} />
            ))}
          </li>
        );
      })}
    </ol>
  );
}

function PartView({ part, instruction }: { part: Part; instruction: boolean }) {
  switch (part.type) {
    case "text":
      return <Text text={part.text} what="message" short={instruction} />;
    case "refusal":
      return (
        <div className={styles.refusal}>
          <Text text={part.text} what="refusal" />
        </div>
      );
    case "reasoning":
      return (
        <details className={`${details.aside} ${styles.reasoning}`}>
          <summary>Reasoning, {plural(part.text.length, "character")}</summary>
          <MessageText text={part.text} what="reasoning" />
        </details>
      );
    case "tool_call":
      return (
        <div className={styles.call}>
          <div className={styles.callHead}>
            Calls <strong>{part.name}</strong>
            {part.id && <code title="Tool call ID">{part.id}</code>}
          </div>
          <Value value={part.arguments} label={`Arguments of ${part.name}`} />
          {part.answer && <Result part={part.answer} />}
        </div>
      );
    case "tool_result":
      return (
        <div className={styles.call}>
          <Result part={part} />
        </div>
      );
    case "media":
      return <Media part={part} />;
    case "json":
      return <Value value={part.value} label="Content" />;
  }
}

function Result({ part: { id, name, result } }: { part: ToolResult }) {
  return (
    <>
      <div className={styles.callHead}>
        {name ? (
          <>
            Result of <strong>{name}</strong>
          </>
        ) : (
          "Tool result"
        )}
        {id && <code title="Tool call ID">{id}</code>}
      </div>
      <Value value={result} label={`Result of ${name ?? "the tool"}`} />
    </>
  );
}

function Value({ value, label }: { value: unknown; label: string }) {
  return typeof value === "string" ? <Text text={value} what={label} /> : <Json value={value} label={label} />;
}

function Text({ text, what, short = false }: { text: string; what: string; short?: boolean }) {
  const json = text.length <= JSON_CHARACTERS ? jsonIn(text) : undefined;
  return json ? <Json value={json} label={what} /> : <MessageText text={text} what={what} short={short} />;
}

/** Media from elsewhere are links: the page itself asks no other host for anything. */
function Media({ part }: { part: Extract<Part, { type: "media" }> }) {
  const { uri, media, description } = part;
  if (media === "image" && uri?.startsWith("data:image/")) {
    return <img src={uri} alt={description || "Image of the message"} className={styles.image} />;
  }
  if (media === "audio" && uri?.startsWith("data:audio/")) {
    // biome-ignore lint/a11y/useMediaCaption: a recording of a message comes without captions
    return <audio controls src={uri} aria-label={description || "Audio of the message"} />;
  }
  return (
    <p className={styles.media}>
      {media}
      {description && ` · ${description}`}
      {uri && /^https?:\/\//.test(uri) && (
        <>
          {" · "}
          <a href={uri} target="_blank" rel="noreferrer noopener">
            {uri}
          </a>
        </>
      )}
    </p>
  );
}
