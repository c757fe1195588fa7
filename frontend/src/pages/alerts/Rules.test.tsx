import { QueryClientProvider } from "@tanstack/react-query";
import { createRootRoute, createRouter, RouterContextProvider } from "@tanstack/react-router";
import { cleanup, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Wire } from "../../api/client";
import { createQueryClient } from "../../app/queries";
import { NEW_RULE } from "../../model/alerts";
import { Rules } from "./Rules";

/** An API with one rule, which others edit too. */
class FakeApi {
  rule: Wire["RuleDetail"] | null = {
    ...NEW_RULE,
    id: "a",
    project: "demo",
    name: "Errors",
    silenced_until: null,
    states: [],
    error: null,
    evaluated_at: null,
    version: "1",
  };

  /** Somebody else renames the rule. */
  rename(name: string, version: string) {
    if (this.rule) this.rule = { ...this.rule, name, version };
  }

  readonly fetch = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    if (pathname === "/api/v1/channels") return Response.json({ channels: [], can_keep_secrets: true });
    if (!pathname.startsWith("/api/v1/alerts")) return new Response(null, { status: 404 });
    if (request.method === "GET") return Response.json({ rules: this.rule ? [this.rule] : [] });
    if (request.method === "PUT" && !this.rule) return problem(404);
    if (request.method === "PUT" && request.headers.get("If-Match") !== `"${this.rule?.version}"`) return problem(412);
    this.rule = { ...(await request.json()), id: "a", project: "demo", states: [], version: `of ${request.method}` };
    return Response.json(this.rule);
  };
}

function problem(status: number): Response {
  return Response.json({ status, title: "Refused", detail: "refused" }, { status });
}

function Part() {
  const [edit, onEdit] = useState<string>();
  return <Rules project="demo" edit={edit} onEdit={onEdit} />;
}

const user = userEvent.setup({ delay: null });
let api: FakeApi;

beforeEach(async () => {
  api = new FakeApi();
  vi.stubGlobal("fetch", api.fetch);
  render(
    <RouterContextProvider router={createRouter({ routeTree: createRootRoute() }) as never}>
      <QueryClientProvider client={createQueryClient()}>
        <Part />
      </QueryClientProvider>
    </RouterContextProvider>,
  );
  await user.click(await screen.findByLabelText("Edit Errors"));
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const nameField = () => screen.getByLabelText<HTMLInputElement>("Name");
// By the text: to ask for the roles of so many fields takes long.
const press = async (label: string) => user.click(await screen.findByText(label));
const write = async (text: string) => {
  await user.click(nameField());
  await user.paste(text);
};

it("saves nothing over what others have saved, until it is told to", async () => {
  await write(" of mine");
  api.rename("Theirs", "2");
  await press("Save rule");
  await screen.findByText("Changed by someone else meanwhile");
  expect(api.rule?.name).toBe("Theirs");
  expect(nameField().value).toBe("Errors of mine");
  expect(screen.getByText("Save rule").hasAttribute("disabled")).toBe(true);
  await press("Save mine anyway");
  await waitFor(() => expect(screen.queryByLabelText("Name")).toBeNull());
  expect(api.rule?.name).toBe("Errors of mine");
});

it("shows what others have saved in its place, and goes on from there", async () => {
  await write(" of mine");
  api.rename("Theirs", "2");
  await press("Save rule");
  await press("Show theirs");
  expect(nameField().value).toBe("Theirs");
  expect(screen.queryByText("Changed by someone else meanwhile")).toBeNull();
  await write(" and mine");
  await press("Save rule");
  await waitFor(() => expect(api.rule?.name).toBe("Theirs and mine"));
});

it("keeps what is written of a rule that is deleted, and saves it as a new one", async () => {
  await write(" of mine");
  api.rule = null;
  await press("Save rule");
  await screen.findByText("Deleted meanwhile");
  expect(screen.queryByText("Show theirs")).toBeNull();
  expect(nameField().value).toBe("Errors of mine");
  await press("Save as a new one");
  await waitFor(() => expect(screen.queryByLabelText("Name")).toBeNull());
  expect(api.rule).toMatchObject({ name: "Errors of mine", version: "of POST" });
});
