import { IconKeyboard, IconLogout, IconMenu2, IconSearch } from "@tabler/icons-react";
import { Link, useRouterState, useSearch } from "@tanstack/react-router";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { Button, Dialog, DialogTrigger, Modal, ModalOverlay } from "react-aria-components";
import { inProject } from "../model/filters";
import controls from "../ui/controls.module.css";
import { Logo } from "../ui/Logo";
import { Outage } from "../ui/Outage";
import { ThemeToggle } from "../ui/ThemeToggle";
import { Commands, useCommands } from "./Commands";
import { NARROW, useMedia } from "./hooks";
import { keepFocus } from "./keepFocus";
import { useLeave } from "./leave";
import { NAVIGATION } from "./navigation";
import { ProjectSwitch } from "./ProjectSwitch";
import styles from "./Shell.module.css";
import { useOpeningSearch } from "./views";

/** The frame of every page behind the login: project, navigation, who is logged in, and whether the API answers. */
export function Shell({ username, children }: { username: string; children: ReactNode }) {
  const narrow = useMedia(NARROW);
  const main = useRef<HTMLElement>(null);
  useEffect(() => (main.current ? keepFocus(main.current) : undefined), []);
  return (
    <Commands>
      <div className={styles.shell}>
        <a className={styles.skip} href="#main">
          Skip to content
        </a>
        {narrow ? <TopBar username={username} /> : <SideBar username={username} />}
        <main ref={main} id="main" tabIndex={-1} className={styles.main}>
          <Outage />
          {children}
        </main>
      </div>
    </Commands>
  );
}

function SideBar({ username }: { username: string }) {
  return (
    <header className={styles.side}>
      <Home />
      <ProjectSwitch />
      <Search />
      <Pages />
      <Foot username={username} />
    </header>
  );
}

/** What a narrow page has in place of the side bar, most of which a menu then holds. */
function TopBar({ username }: { username: string }) {
  const [open, setOpen] = useState(false);
  const pathname = useRouterState({ select: ({ location }) => location.pathname });
  const [last, setLast] = useState(pathname);
  if (last !== pathname) {
    setLast(pathname);
    setOpen(false);
  }
  return (
    <header className={styles.top}>
      <DialogTrigger isOpen={open} onOpenChange={setOpen}>
        <Button className={controls.icon} aria-label="Menu">
          <IconMenu2 size={20} stroke={1.6} aria-hidden />
        </Button>
        <ModalOverlay className={styles.overlay} isDismissable>
          <Modal className={styles.drawer}>
            <Dialog className={styles.side} aria-label="Menu">
              <Home />
              <Pages />
              <Foot username={username} />
            </Dialog>
          </Modal>
        </ModalOverlay>
      </DialogTrigger>
      <ProjectSwitch />
      <Search />
    </header>
  );
}

function Home() {
  return (
    <Link to="/" search={inProject(useSearch({ strict: false }).project)} className={styles.brand}>
      <Logo />
      LLMFlow
    </Link>
  );
}

function Search() {
  const show = useCommands();
  return (
    <Button className={styles.search} aria-label="Search" onPress={() => show("palette")}>
      <IconSearch size={15} stroke={1.8} aria-hidden />
      <span>Search</span>
    </Button>
  );
}

function Pages() {
  const openingSearch = useOpeningSearch(useSearch({ strict: false }).project);
  return (
    <nav aria-label="Main" className={styles.nav}>
      {NAVIGATION.map(({ group, pages }) => (
        <section key={group} aria-label={group}>
          <h2 className={styles.group}>{group}</h2>
          {pages.map(({ to, label, icon: Icon }) => (
            <Link
              key={to}
              to={to}
              search={openingSearch(to) as never}
              className={styles.item}
              activeOptions={{ includeSearch: false }}
            >
              <Icon size={17} stroke={1.6} aria-hidden />
              {label}
            </Link>
          ))}
        </section>
      ))}
    </nav>
  );
}

function Foot({ username }: { username: string }) {
  const leave = useLeave();
  const show = useCommands();
  return (
    <div className={styles.foot}>
      <ThemeToggle />
      <Button className={controls.icon} aria-label="Keyboard shortcuts" onPress={() => show("help")}>
        <IconKeyboard size={18} stroke={1.6} aria-hidden />
      </Button>
      <Button className={controls.icon} aria-label={`Log out ${username}`} onPress={leave}>
        <IconLogout size={18} stroke={1.6} aria-hidden />
      </Button>
    </div>
  );
}
