import { QueryClientProvider } from "@tanstack/react-query";
import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import type { Wire } from "../../api/client";
import { createQueryClient } from "../../app/queries";
import { budgetDraft } from "../../model/alerts";
import { AlertActions } from "./AlertActions";

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

it("does to a budget what is done to budgets, as long as it is the one on show", async () => {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async ({ method, url, headers }: Request) => {
    asked.push(`${method} ${new URL(url).pathname} ${headers.get("If-Match") ?? ""}`.trim());
    return method === "POST" ? Response.json({ deliveries: [] }) : new Response(null, { status: 204 });
  });
  const { percents: _, all_projects: __, ...written } = budgetDraft(null);
  const standing = { silenced_until: null, states: [], error: null, evaluated_at: null };
  const budget: Wire["BudgetDetail"] = {
    ...written,
    ...standing,
    id: "b",
    project: "demo",
    name: "Month",
    version: "1",
  };
  render(
    <QueryClientProvider client={createQueryClient()}>
      <AlertActions alert={budget} onEdit={() => {}} />
    </QueryClientProvider>,
  );
  const user = userEvent.setup();
  await user.click(screen.getByRole("button", { name: "Test Month" }));
  await user.click(screen.getByRole("button", { name: "Silence Month" }));
  await user.click(await screen.findByRole("menuitem", { name: "1 hour" }));
  await user.click(screen.getByRole("button", { name: "Delete Month" }));
  await user.click(screen.getByRole("button", { name: "Really delete Month?" }));
  await vi.waitFor(() =>
    expect(asked).toEqual([
      "POST /api/v1/budgets/b/test",
      'PUT /api/v1/budgets/b/silence "1"',
      'DELETE /api/v1/budgets/b "1"',
    ]),
  );
});
