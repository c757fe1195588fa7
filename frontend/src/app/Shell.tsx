import {
  IconChartDots3,
  IconCpu,
  IconDashboard,
  IconListDetails,
  IconLogout,
  IconMessages,
  IconSettings,
  IconUsers,
} from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Button } from "react-aria-components";
import { logout } from "../api/client";
import { inProject } from "../model/filters";
import { Logo } from "../ui/Logo";
import { Outage } from "../ui/Outage";
import { ThemeToggle } from "../ui/ThemeToggle";
import { sessionQuery } from "./queries";
import styles from "./Shell.module.css";

const NAVIGATION = [
  { to: "/overview", label: "Overview", icon: IconDashboard },
  { to: "/traces", label: "Traces", icon: IconChartDots3 },
  { to: "/spans", label: "Spans", icon: IconListDetails },
  { to: "/sessions", label: "Sessions", icon: IconMessages },
  { to: "/users", label: "Users", icon: IconUsers },
  { to: "/models", label: "Models", icon: IconCpu },
  { to: "/settings", label: "Settings", icon: IconSettings },
] as const;

/** The frame of every page behind the login: navigation, theme, who is logged in, and whether the API answers. */
export function Shell({ username, children }: { username: string; children: ReactNode }) {
  const project = inProject(useSearch({ strict: false }).project);
  return (
    <div className={styles.shell}>
      <a className={styles.skip} href="#main">
        Skip to content
      </a>
      <header className={styles.rail}>
        <Link to="/" className={styles.brand} aria-label="LLMFlow home">
          <Logo />
        </Link>
        <nav aria-label="Main" className={styles.nav}>
          {NAVIGATION.map(({ to, label, icon: Icon }) => (
            <Link key={to} to={to} search={project} className={styles.item} activeOptions={{ includeSearch: false }}>
              <Icon size={20} stroke={1.6} aria-hidden />
              <span>{label}</span>
            </Link>
          ))}
        </nav>
        <ThemeToggle className={styles.item} />
        <LogoutButton username={username} />
      </header>
      <main id="main" tabIndex={-1} className={styles.main}>
        <Outage />
        {children}
      </main>
    </div>
  );
}

function LogoutButton({ username }: { username: string }) {
  const client = useQueryClient();
  const leave = useMutation({
    mutationFn: logout,
    onSuccess: () => {
      client.removeQueries({ predicate: (query) => query.queryKey[0] !== sessionQuery.queryKey[0] });
      client.setQueryData(sessionQuery.queryKey, null);
    },
  });
  return (
    <Button className={styles.item} aria-label={`Log out ${username}`} onPress={() => leave.mutate()}>
      <IconLogout size={20} stroke={1.6} aria-hidden />
      <span>Log out</span>
    </Button>
  );
}
