import { IconPlayerPlayFilled } from "@tabler/icons-react";
import { ToggleButton } from "react-aria-components";
import styles from "./LiveButton.module.css";

interface Props {
  live: boolean;
  disabled: boolean;
  onChange: (live: boolean) => void;
}

/** Whether new traces appear by themselves. Scrolling down pauses; pressing goes back to the top and on. */
export function LiveButton({ live, disabled, onChange }: Props) {
  return (
    <ToggleButton className={styles.live} aria-label="Live" isSelected={live} isDisabled={disabled} onChange={onChange}>
      {live ? <span className={styles.dot} /> : <IconPlayerPlayFilled size={11} aria-hidden />}
      {live ? "Live" : "Paused"}
    </ToggleButton>
  );
}
