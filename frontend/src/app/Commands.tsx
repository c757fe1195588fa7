import { useNavigate, useSearch } from "@tanstack/react-router";
import { createContext, type ReactNode, Suspense, useContext, useEffect, useState } from "react";
import { lazyPart } from "../ui/lazyPart";
import { useShortcuts } from "./hooks";
import { PAGES } from "./navigation";
import { nextTheme, setTheme } from "./theme";
import { useOpeningSearch } from "./views";

const CommandPalette = lazyPart(() => import("./CommandPalette"));
const ShortcutHelp = lazyPart(() => import("./ShortcutHelp"));

type Shown = "palette" | "help" | null;

const ShowContext = createContext<(shown: Shown) => void>(() => {});

/** Opens the command palette or the help of shortcuts. */
export function useCommands(): (shown: Shown) => void {
  return useContext(ShowContext);
}

/** What every page answers to: its shortcuts, and the palette of commands. */
export function Commands({ children }: { children: ReactNode }) {
  const [shown, setShown] = useState<Shown>(null);
  const navigate = useNavigate();
  const openingSearch = useOpeningSearch(useSearch({ strict: false }).project);
  useShortcuts({
    "?": () => setShown("help"),
    D: () => setTheme(nextTheme()),
    ...Object.fromEntries(
      PAGES.map(({ to, keys }) => [keys, () => navigate({ to, search: openingSearch(to) as never })]),
    ),
  });
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
      event.preventDefault();
      setShown((before) => (before === "palette" ? null : "palette"));
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, []);
  const close = () => setShown(null);
  return (
    <ShowContext value={setShown}>
      {children}
      <Suspense>
        {shown === "palette" && <CommandPalette onClose={close} />}
        {shown === "help" && <ShortcutHelp onClose={close} />}
      </Suspense>
    </ShowContext>
  );
}
