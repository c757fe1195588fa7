/** The code of each page, by its route's path. */
export const PAGE_CODE = {
  "/login": () => import("../pages/login/LoginPage"),
  "/": () => import("../pages/start/HomePage"),
  "/start": () => import("../pages/start/StartPage"),
  "/overview": () => import("../pages/overview/OverviewPage"),
  "/traces": () => import("../pages/traces/TracesPage"),
  "/traces/$traceId": () => import("../pages/trace/TracePage"),
  "/compare": () => import("../pages/compare/ComparePage"),
  "/spans": () => import("../pages/spans/SpansPage"),
  "/sessions": () => import("../pages/sessions/SessionsPage"),
  "/sessions/$sessionId": () => import("../pages/sessions/SessionPage"),
  "/logs": () => import("../pages/logs/LogsPage"),
  "/explore": () => import("../pages/explore/ExplorePage"),
  "/users": () => import("../pages/directory/UsersPage"),
  "/models": () => import("../pages/directory/ModelsPage"),
  "/prices": () => import("../pages/prices/PricesPage"),
  "/tools": () => import("../pages/tools/ToolsPage"),
  // The API answers Prometheus on /metrics.
  "/otlp-metrics": () => import("../pages/metrics/MetricsPage"),
  "/alerts": () => import("../pages/alerts/AlertsPage"),
  "/destinations": () => import("../pages/destinations/DestinationsPage"),
  "/settings": () => import("../pages/settings/SettingsPage"),
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
