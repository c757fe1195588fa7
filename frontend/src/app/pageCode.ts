import { load } from "./code";

/** The code of each page, by its route's path. */
export const PAGE_CODE = {
  "/login": () => load(() => import("../pages/login/LoginPage")),
  "/": () => load(() => import("../pages/start/HomePage")),
  "/start": () => load(() => import("../pages/start/StartPage")),
  "/overview": () => load(() => import("../pages/overview/OverviewPage")),
  "/traces": () => load(() => import("../pages/traces/TracesPage")),
  "/traces/$traceId": () => load(() => import("../pages/trace/TracePage")),
  "/compare": () => load(() => import("../pages/compare/ComparePage")),
  "/spans": () => load(() => import("../pages/spans/SpansPage")),
  "/sessions": () => load(() => import("../pages/sessions/SessionsPage")),
  "/sessions/$sessionId": () => load(() => import("../pages/sessions/SessionPage")),
  "/logs": () => load(() => import("../pages/logs/LogsPage")),
  "/explore": () => load(() => import("../pages/explore/ExplorePage")),
  "/users": () => load(() => import("../pages/directory/UsersPage")),
  "/models": () => load(() => import("../pages/directory/ModelsPage")),
  "/prices": () => load(() => import("../pages/prices/PricesPage")),
  "/tools": () => load(() => import("../pages/tools/ToolsPage")),
  // The API answers Prometheus on /metrics.
  "/otlp-metrics": () => load(() => import("../pages/metrics/MetricsPage")),
  "/alerts": () => load(() => import("../pages/alerts/AlertsPage")),
  "/destinations": () => load(() => import("../pages/destinations/DestinationsPage")),
  "/settings": () => load(() => import("../pages/settings/SettingsPage")),
} as const;

/** What loads the code of the page at a path of an address; undefined where there is none. */
export function codeOf(pathname: string): (() => Promise<unknown>) | undefined {
  const [, place, item] = pathname.split("/");
  const fits = ([route]: [string, unknown]) => {
    const [, first, second] = route.split("/");
    return first === place && Boolean(second) === Boolean(item);
  };
  return Object.entries(PAGE_CODE).find(fits)?.[1];
}
