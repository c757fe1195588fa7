import { QueryClientProvider } from "@tanstack/react-query";
import {
  createMemoryHistory,
  createRootRoute,
  createRoute,
  createRouter,
  Outlet,
  RouterProvider,
} from "@tanstack/react-router";
import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { createQueryClient } from "../../app/queries";
import { parsePriceSearch } from "../../model/prices";
import { PricesPage } from "./PricesPage";

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

it("loses nothing that is written while the prices are on their way", async () => {
  let answer = () => {};
  const held = new Promise<void>((resolve) => {
    answer = resolve;
  });
  vi.stubGlobal("fetch", async ({ url }: Request) => {
    if (new URL(url).pathname !== "/api/v1/prices") return Response.json({ models: [] });
    await held;
    return Response.json({ prices: [] });
  });
  const root = createRootRoute();
  const session = createRoute({ getParentRoute: () => root, id: "session", component: Outlet });
  const prices = createRoute({
    getParentRoute: () => session,
    path: "/prices",
    validateSearch: parsePriceSearch,
    component: PricesPage,
  });
  const router = createRouter({
    routeTree: root.addChildren([session.addChildren([prices])]),
    history: createMemoryHistory({ initialEntries: ["/prices"] }),
  });
  render(
    <QueryClientProvider client={createQueryClient()}>
      <RouterProvider router={router as never} />
    </QueryClientProvider>,
  );
  const user = userEvent.setup();
  await screen.findByRole("heading", { name: "Own prices" });
  const early = screen.queryByLabelText("Name");
  if (early) await user.type(early, "house");
  answer();
  const name = await screen.findByLabelText<HTMLInputElement>("Name");
  await screen.findByText(/^No price of your own/);
  if (!early) await user.type(name, "house");
  expect(screen.getByLabelText<HTMLInputElement>("Name").value).toBe("house");
});
