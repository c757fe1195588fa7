import { QueryClientProvider } from "@tanstack/react-query";
import {
  createMemoryHistory,
  createRootRoute,
  createRoute,
  createRouter,
  Outlet,
  type RouteComponent,
  RouterProvider,
} from "@tanstack/react-router";
import { render } from "@testing-library/react";
import { createQueryClient } from "./queries";

/** Shows a page of the session alone at `url`, for tests. */
export function renderPage(
  url: string,
  component: RouteComponent,
  validateSearch: (search: Record<string, unknown>) => object,
) {
  const root = createRootRoute();
  const session = createRoute({ getParentRoute: () => root, id: "session", component: Outlet });
  const path = new URL(url, "http://page").pathname;
  const page = createRoute({ getParentRoute: () => session, path, validateSearch, component });
  const router = createRouter({
    routeTree: root.addChildren([session.addChildren([page])]),
    history: createMemoryHistory({ initialEntries: [url] }),
  });
  render(
    <QueryClientProvider client={createQueryClient()}>
      <RouterProvider router={router as never} />
    </QueryClientProvider>,
  );
}
