import { IconDeviceDesktop, IconMoon, IconSun } from "@tabler/icons-react";
import { Button } from "react-aria-components";
import { nextTheme, setTheme, type Theme, useTheme } from "../app/theme";
import controls from "./controls.module.css";

const LOOKS: Record<Theme, { icon: typeof IconSun; label: string }> = {
  system: { icon: IconDeviceDesktop, label: "Auto" },
  light: { icon: IconSun, label: "Light" },
  dark: { icon: IconMoon, label: "Dark" },
};

/** Goes round the themes: the system's, light, dark. */
export function ThemeToggle() {
  const theme = useTheme();
  const next = nextTheme();
  const { icon: Icon, label } = LOOKS[theme];
  return (
    <Button
      className={controls.icon}
      aria-label={`Theme: ${label}. Change to ${LOOKS[next].label}`}
      onPress={() => setTheme(next)}
    >
      <Icon size={18} stroke={1.6} aria-hidden />
    </Button>
  );
}
