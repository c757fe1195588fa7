import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createRootRoute, createRouter, RouterContextProvider } from "@tanstack/react-router";
import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { Retention } from "./Retention";

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

it("saves nothing while a number of days is none, and says so there", async () => {
  const saved = vi.fn();
  const kept = { project: "demo", chosen: {}, days: {}, applied_at: null };
  vi.stubGlobal("fetch", async (request: Request) => {
    if (request.method === "PUT") saved(await request.json());
    return Response.json(kept);
  });
  render(
    <RouterContextProvider router={createRouter({ routeTree: createRootRoute() }) as never}>
      <QueryClientProvider client={new QueryClient()}>
        <Retention project="demo" />
      </QueryClientProvider>
    </RouterContextProvider>,
  );
  const user = userEvent.setup();
  const logs = await screen.findByLabelText("Logs");
  const save = async () => {
    await user.click(screen.getByRole("button", { name: /^Save days/ }));
    await user.click(screen.getByRole("button", { name: /^Really save days/ }));
  };
  await user.type(logs, "-1");
  await save();
  expect(logs.getAttribute("aria-invalid")).toBe("true");
  expect(saved).not.toHaveBeenCalled();
  await user.clear(logs);
  await user.type(logs, "7");
  await save();
  await vi.waitFor(() => expect(saved).toHaveBeenCalledWith(expect.objectContaining({ logs: 7, spans: null })));
});
