import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
} from "@tanstack/react-router";
import { parseSettingsSearch } from "../model/administration";
import { parseAlertSearch } from "../model/alerts";
import { parseOverviewSearch } from "../model/analytics";
import { parseToolsSearch } from "../model/codingTools";
import { parseCompareSearch } from "../model/compare";
import { parseDestinationSearch } from "../model/destinations";
import { parseModelSearch, parseUserSearch } from "../model/directory";
import { parseExploreSearch } from "../model/explore";
import {
  DEFAULT_PROJECT,
  parseListSearch,
  parseProjectSearch,
  parseSpanSearch,
  parseViewSearch,
} from "../model/filters";
import { parseLogSearch } from "../model/logs";
import { parseMetricSearch } from "../model/metrics";
import { parsePriceSearch } from "../model/prices";
import { Failure } from "../ui/Failure";
import { NotFound } from "../ui/NotFound";
import { PAGE_CODE } from "./pageCode";
import { sessionQuery, traceQuery } from "./queries";
import { RequireSession } from "./RequireSession";

const root = createRootRouteWithContext<{ client: QueryClient }>()({ component: Outlet });

const loginRoute = createRoute({
  getParentRoute: () => root,
  path: "/login",
  validateSearch: (raw: Record<string, unknown>): { redirect?: string } =>
    isInternal(raw.redirect) ? { redirect: raw.redirect } : {},
  component: lazyRouteComponent(PAGE_CODE["/login"], "LoginPage"),
});

const sessionRoute = createRoute({ getParentRoute: () => root, id: "session", component: RequireSession });

const homeRoute = createRoute({
  getParentRoute: () => sessionRoute,
  path: "/",
  validateSearch: parseProjectSearch,
  component: lazyRouteComponent(PAGE_CODE["/"], "HomePage"),
});

const startRoute = createRoute({
  getParentRoute: () => sessionRoute,
  path: "/start",
  validateSearch: parseProjectSearch,
  component: lazyRouteComponent(PAGE_CODE["/start"], "StartPage"),
});

const tracesRoute = createRoute({
  getParentRoute: () => sessionRoute,
  path: "/traces",
  validateSearch: parseListSearch,
  component: lazyRouteComponent(PAGE_CODE["/traces"], "TracesPage"),
});

const spansRoute = createRoute({
  getParentRoute: () => sessionRoute,
  path: "/spans",
  validateSearch: parseListSearch,
  component: lazyRouteComponent(PAGE_CODE["/spans"], "SpansPage"),
});

const sessionsRoute = createRoute({
  getParentRoute: () => sessionRoute,
  path: "/sessions",
  validateSearch: parseViewSearch,
  component: lazyRouteComponent(PAGE_CODE["/sessions"], "SessionsPage"),
});

const oneSessionRoute = createRoute({
  getParentRoute: () => sessionRoute,
  path: "/sessions/$sessionId",
  validateSearch: parseProjectSearch,
  component: lazyRouteComponent(PAGE_CODE["/sessions/$sessionId"], "SessionPage"),
});

const usersRoute = createRoute({
  getParentRoute: () => sessionRoute,
  path: "/users",
  validateSearch: parseUserSearch,
  component: lazyRouteComponent(PAGE_CODE["/users"], "UsersPage"),
});

const modelsRoute = createRoute({
  getParentRoute: () => sessionRoute,
  path: "/models",
  validateSearch: parseModelSearch,
  component: lazyRouteComponent(PAGE_CODE["/models"], "ModelsPage"),
});

const destinationsRoute = createRoute({
  getParentRoute: () => sessionRoute,
  path: "/destinations",
  validateSearch: parseDestinationSearch,
  component: lazyRouteComponent(PAGE_CODE["/destinations"], "DestinationsPage"),
});

const settingsRoute = createRoute({
  getParentRoute: () => sessionRoute,
  path: "/settings",
  validateSearch: parseSettingsSearch,
  component: lazyRouteComponent(PAGE_CODE["/settings"], "SettingsPage"),
});

const alertsRoute = createRoute({
  getParentRoute: () => sessionRoute,
  path: "/alerts",
  validateSearch: parseAlertSearch,
  component: lazyRouteComponent(PAGE_CODE["/alerts"], "AlertsPage"),
});

const overviewRoute = createRoute({
  getParentRoute: () => sessionRoute,
  path: "/overview",
  validateSearch: parseOverviewSearch,
  component: lazyRouteComponent(PAGE_CODE["/overview"], "OverviewPage"),
});

const exploreRoute = createRoute({
  getParentRoute: () => sessionRoute,
  path: "/explore",
  validateSearch: parseExploreSearch,
  component: lazyRouteComponent(PAGE_CODE["/explore"], "ExplorePage"),
});

const logsRoute = createRoute({
  getParentRoute: () => sessionRoute,
  path: "/logs",
  validateSearch: parseLogSearch,
  component: lazyRouteComponent(PAGE_CODE["/logs"], "LogsPage"),
});

const toolsRoute = createRoute({
  getParentRoute: () => sessionRoute,
  path: "/tools",
  validateSearch: parseToolsSearch,
  component: lazyRouteComponent(PAGE_CODE["/tools"], "ToolsPage"),
});

const metricsRoute = createRoute({
  getParentRoute: () => sessionRoute,
  path: "/otlp-metrics",
  validateSearch: parseMetricSearch,
  component: lazyRouteComponent(PAGE_CODE["/otlp-metrics"], "MetricsPage"),
});

const pricesRoute = createRoute({
  getParentRoute: () => sessionRoute,
  path: "/prices",
  validateSearch: parsePriceSearch,
  component: lazyRouteComponent(PAGE_CODE["/prices"], "PricesPage"),
});

const traceRoute = createRoute({
  getParentRoute: () => sessionRoute,
  path: "/traces/$traceId",
  validateSearch: parseSpanSearch,
  loaderDeps: ({ search: { project } }) => ({ project }),
  // The trace is asked for while the page's code is still on its way.
  loader: ({ context: { client }, params: { traceId }, deps: { project = DEFAULT_PROJECT } }) => {
    client
      .ensureQueryData(sessionQuery)
      .then((session) => session && client.prefetchQuery(traceQuery(project, traceId)))
      .catch(() => undefined);
  },
  component: lazyRouteComponent(PAGE_CODE["/traces/$traceId"], "TracePage"),
});

const compareRoute = createRoute({
  getParentRoute: () => sessionRoute,
  path: "/compare",
  validateSearch: parseCompareSearch,
  component: lazyRouteComponent(PAGE_CODE["/compare"], "ComparePage"),
});

const routeTree = root.addChildren([
  loginRoute,
  sessionRoute.addChildren([
    homeRoute,
    startRoute,
    overviewRoute,
    exploreRoute,
    logsRoute,
    toolsRoute,
    metricsRoute,
    pricesRoute,
    tracesRoute,
    traceRoute,
    compareRoute,
    spansRoute,
    sessionsRoute,
    oneSessionRoute,
    usersRoute,
    modelsRoute,
    destinationsRoute,
    alertsRoute,
    settingsRoute,
  ]),
]);

/** The pages. A URL's query is plain `name=value` pairs, so that people can read and write it. */
export function createAppRouter(client: QueryClient) {
  return createRouter({
    routeTree,
    context: { client },
    scrollRestoration: true,
    // What no page knows is no part of its search: without this the values that it refused come through.
    search: { strict: true },
    defaultNotFoundComponent: NotFound,
    defaultErrorComponent: ({ error }) => (
      <Failure
        error={error instanceof Error ? error : new Error(String(error))}
        // The page's code may be other than what was loaded: the whole of it is tried again.
        onRetry={() => window.location.reload()}
      />
    ),
    parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
    stringifySearch: (search) => {
      const given = Object.entries(search).filter(([, value]) => value !== undefined && value !== "");
      return given.length > 0 ? `?${new URLSearchParams(given.map(([key, value]) => [key, String(value)]))}` : "";
    },
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}

/** A path of this page; `//host` and `/\host` would lead to another one. */
function isInternal(path: unknown): path is string {
  return typeof path === "string" && /^\/(?![/\\])/.test(path);
}
