import {
  IconBell,
  IconChartDots3,
  IconChartHistogram,
  IconChartLine,
  IconCpu,
  IconDashboard,
  IconListDetails,
  IconLogs,
  IconMessages,
  IconSend,
  IconSettings,
  IconTag,
  IconTerminal2,
  IconUsers,
} from "@tabler/icons-react";

/** The pages one can go to from everywhere, in groups; `keys` is the shortcut that leads there. */
export const NAVIGATION = [
  {
    group: "Observe",
    pages: [
      { to: "/overview", label: "Overview", icon: IconDashboard, keys: "g o" },
      { to: "/traces", label: "Traces", icon: IconChartDots3, keys: "g t" },
      { to: "/spans", label: "Spans", icon: IconListDetails, keys: "g s" },
      { to: "/sessions", label: "Sessions", icon: IconMessages, keys: "g c" },
      { to: "/logs", label: "Logs", icon: IconLogs, keys: "g l" },
    ],
  },
  {
    group: "Analyse",
    pages: [
      { to: "/explore", label: "Explore", icon: IconChartHistogram, keys: "g e" },
      { to: "/users", label: "Users", icon: IconUsers, keys: "g u" },
      { to: "/models", label: "Models", icon: IconCpu, keys: "g m" },
      { to: "/prices", label: "Prices", icon: IconTag, keys: "g p" },
      { to: "/tools", label: "AI tools", icon: IconTerminal2, keys: "g i" },
      { to: "/otlp-metrics", label: "Metrics", icon: IconChartLine, keys: "g r" },
    ],
  },
  {
    group: "Manage",
    pages: [
      { to: "/alerts", label: "Alerts", icon: IconBell, keys: "g a" },
      { to: "/destinations", label: "Destinations", icon: IconSend, keys: "g d" },
      { to: "/settings", label: "Settings", icon: IconSettings, keys: "g ," },
    ],
  },
] as const;

type NavigationPage = (typeof NAVIGATION)[number]["pages"][number];

export const PAGES = NAVIGATION.flatMap(({ pages }): readonly NavigationPage[] => pages);

export type PagePath = NavigationPage["to"];

/** The page of the navigation that a path is at or below. */
export function pageAt(pathname: string): PagePath | undefined {
  return PAGES.find(({ to }) => pathname === to || pathname.startsWith(`${to}/`))?.to;
}
