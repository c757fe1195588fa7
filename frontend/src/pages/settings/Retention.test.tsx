import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createRootRoute, createRouter, RouterContextProvider } from "@tanstack/react-router";
import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import type { Wire } from "../../api/client";
import { Retention } from "./Retention";

const DAYS = { spans: 30, content: 30, rollups: 30, logs: 30, metrics: 30 };
const NONE = { spans: null, content: null, rollups: null, logs: null, metrics: null };

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

/** The page over an API whose answers to changes and, where it is given, to questions wait to be let go. */
async function show(wait: (method: string) => Promise<unknown> = async () => undefined) {
  const saved = vi.fn();
  let kept: Wire["RetentionDetail"] = { chosen: NONE, days: DAYS, applied_at: null, version: "1" };
  vi.stubGlobal("fetch", async (request: Request) => {
    const before = kept;
    if (request.method === "PUT") {
      kept = { ...kept, chosen: await request.json(), version: `${Number(kept.version) + 1}` };
      saved(kept.chosen);
    }
    const answer = request.method === "PUT" ? kept : before;
    await wait(request.method);
    return Response.json(answer);
  });
  const client = new QueryClient();
  render(
    <RouterContextProvider router={createRouter({ routeTree: createRootRoute() }) as never}>
      <QueryClientProvider client={client}>
        <Retention project="demo" />
      </QueryClientProvider>
    </RouterContextProvider>,
  );
  const user = userEvent.setup();
  const logs = await screen.findByLabelText<HTMLInputElement>("Logs");
  const save = async () => {
    await user.click(screen.getByRole("button", { name: /^Save days/ }));
    await user.click(screen.getByRole("button", { name: /^Really save days/ }));
  };
  return { client, user, logs, save, saved };
}

it("saves nothing while a number of days is none, and says so there", async () => {
  const { user, logs, save, saved } = await show();
  await user.type(logs, "-1");
  await save();
  expect(logs.getAttribute("aria-invalid")).toBe("true");
  expect(saved).not.toHaveBeenCalled();
  await user.clear(logs);
  await user.type(logs, "7");
  await save();
  await vi.waitFor(() => expect(saved).toHaveBeenCalledWith(expect.objectContaining({ logs: 7, spans: null })));
});

it("keeps what is written while it saves", async () => {
  let answer = () => {};
  const held = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const { client, user, logs, save, saved } = await show(async (method) => method === "PUT" && held);
  await user.type(logs, "7");
  await save();
  await vi.waitFor(() => expect(saved).toHaveBeenCalled());
  await user.type(logs, "5");
  answer();
  await vi.waitFor(() => expect(client.isMutating()).toBe(0));
  await screen.findByRole("button", { name: /^Save days/ });
  expect(logs.value).toBe("75");
  expect(screen.queryByRole("alert")).toBeNull();
});

it("does not take an answer from before it saved for what somebody else has changed", async () => {
  const answers: (() => void)[] = [];
  let holds = false;
  const { client, user, logs, save, saved } = await show(
    async (method) => method === "GET" && holds && new Promise<void>((resolve) => answers.push(resolve)),
  );
  await user.type(logs, "7");
  holds = true;
  const late = client.refetchQueries();
  await save();
  await vi.waitFor(() => expect(saved).toHaveBeenCalled());
  await vi.waitFor(() => expect(client.isMutating()).toBe(0));
  for (const answer of answers) answer();
  await late;
  await user.type(logs, "5");
  expect(screen.queryByRole("alert")).toBeNull();
  expect(logs.value).toBe("75");
});
