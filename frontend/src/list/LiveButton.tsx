import { IconPlayerPlayFilled } from "@tabler/icons-react";
import { Button, ToggleButton } from "react-aria-components";
import { formatCount } from "../model/format";
import styles from "./LiveButton.module.css";

interface Props {
  /** What comes in: "traces". */
  noun: string;
  live: boolean;
  /** Whether the stream that tells of new rows is there. */
  connected: boolean;
  /** New rows that are not on show; `more` when there are others still. */
  waiting: { count: number; more: boolean };
  /** Why rows cannot appear by themselves, where they cannot. */
  never?: string | undefined;
  onChange: (live: boolean) => void;
}

/** Whether new rows appear by themselves, and how many wait. Scrolling down pauses; pressing goes to the top and on. */
export function LiveButton({ noun, live, connected, waiting, never, onChange }: Props) {
  const following = live && connected;
  return (
    <>
      <ToggleButton
        className={styles.live}
        aria-label={never ?? "Live"}
        isSelected={live}
        isDisabled={never !== undefined}
        onChange={onChange}
      >
        {live ? (
          <span className={styles.dot} data-still={following ? undefined : true} />
        ) : (
          <IconPlayerPlayFilled size={11} aria-hidden />
        )}
        {never ?? (live ? (following ? "Live" : "Reconnecting…") : "Paused")}
      </ToggleButton>
      <span role="status">
        {waiting.count > 0 && (
          <Button
            className={styles.waiting}
            aria-label={`${formatCount(waiting.count)}${waiting.more ? "+" : ""} new ${noun}`}
            onPress={() => onChange(true)}
          >
            {formatCount(waiting.count)}
            {waiting.more && "+"} new
          </Button>
        )}
      </span>
    </>
  );
}
