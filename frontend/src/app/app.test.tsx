import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { cleanup, render, screen, waitFor } from "@testing-library/react";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createQueryClient } from "./queries";
import { createAppRouter } from "./router";

const PROJECTS = ["default", "demo"].map((name) => ({ name, title: "", created_at: "2026-01-31T09:30:00Z" }));

/** An API with one user, no traces, and switches for what goes wrong. */
class FakeApi {
  loggedIn = false;
  away = false;

  readonly fetch = async (request: Request): Promise<Response> => {
    if (this.away) throw new TypeError("Failed to fetch");
    const { pathname } = new URL(request.url);
    if (pathname === "/api/v1/login") {
      this.loggedIn = (await request.json()).password === "right";
      return this.loggedIn ? Response.json({ username: "ada" }) : refusal("wrong user name or password");
    }
    if (!this.loggedIn) return refusal("log in first");
    if (pathname === "/api/v1/logout") {
      this.loggedIn = false;
      return new Response(null, { status: 204 });
    }
    if (pathname === "/api/v1/session") return Response.json({ username: "ada" });
    if (pathname === "/api/v1/projects")
      return Response.json({ projects: PROJECTS.map(({ name }) => name), details: PROJECTS });
    if (pathname === "/api/v1/traces") return Response.json({ traces: [], next_cursor: null });
    if (pathname === "/api/v1/views") return Response.json({ views: [] });
    if (pathname === "/api/v1/addresses") return Response.json({ proxy: "8080", otlp: "4318" });
    if (pathname === "/api/v1/facets") return Response.json({ fields: {}, sampled: false });
    return Response.json({ title: "Not Found", status: 404, detail: "no such trace" }, { status: 404 });
  };
}

/** A live stream in which nothing happens until it ends. */
class FakeStream extends EventTarget {
  static readonly CLOSED = 2;
  static last: FakeStream | undefined;
  readonly readyState = FakeStream.CLOSED;
  onerror: () => void = () => {};

  constructor() {
    super();
    FakeStream.last = this;
  }

  close() {}
}

function refusal(detail: string): Response {
  return Response.json({ title: "Unauthorized", status: 401, detail }, { status: 401 });
}

function open(path: string) {
  window.history.replaceState(null, "", path);
  const client = createQueryClient();
  render(
    <QueryClientProvider client={client}>
      <RouterProvider router={createAppRouter(client)} />
    </QueryClientProvider>,
  );
  return client;
}

async function logIn(password: string) {
  const user = userEvent.setup();
  await user.clear(await screen.findByLabelText("User name"));
  await user.type(screen.getByLabelText("User name"), "ada");
  await user.clear(screen.getByLabelText("Password"));
  await user.type(screen.getByLabelText("Password"), `${password}{Enter}`);
}

describe("the page", () => {
  let api: FakeApi;

  beforeEach(() => {
    api = new FakeApi();
    vi.stubGlobal("fetch", api.fetch);
    vi.stubGlobal("EventSource", FakeStream);
  });

  afterEach(cleanup);

  it("asks for a login, refuses a wrong password, and leads back to where one was", async () => {
    open("/traces?filter=model%3Agpt-4o");
    await logIn("wrong");
    expect((await screen.findByRole("alert")).textContent).toContain("Wrong user name or password");
    expect(window.location.pathname).toBe("/login");
    await logIn("right");
    await screen.findByRole("heading", { name: "No traces match these filters" });
    expect(window.location.pathname + window.location.search).toBe("/traces?filter=model%3Agpt-4o");
  });

  it("leads nobody to another site after the login", async () => {
    open("/login?redirect=//evil.example/traces");
    await logIn("right");
    await screen.findByRole("heading", { name: "Send data" });
    expect(window.location.host).toBe("localhost:3000");
    expect(window.location.pathname).toBe("/start");
  });

  it("asks for a login in the place of the page when the session expires, and keeps what was written in it", async () => {
    api.loggedIn = true;
    open("/traces?project=demo");
    await screen.findByRole("heading", { name: /No traces in demo yet/ });
    await userEvent.setup().type(screen.getByLabelText("Filter"), "model:gp");
    api.loggedIn = false;
    FakeStream.last?.onerror();
    await screen.findByText(/Your session has ended/);
    expect(screen.queryByRole("heading", { name: /No traces/ })).toBeNull();
    await logIn("right");
    await screen.findByRole("heading", { name: /No traces in demo yet/ });
    expect(screen.getByLabelText<HTMLInputElement>("Filter").value).toBe("model:gp");
    expect(window.location.pathname + window.location.search).toBe("/traces?project=demo");
  });

  it("says so when a change does not reach the API, and keeps what was written", async () => {
    api.loggedIn = true;
    open("/settings?tab=projects");
    await userEvent.setup().type(await screen.findByLabelText("New project"), "search");
    api.away = true;
    await userEvent.setup().click(screen.getByRole("button", { name: "Create project" }));
    expect((await screen.findByRole("alert")).textContent).toContain("API does not answer");
    expect(screen.getByLabelText<HTMLInputElement>("New project").value).toBe("search");
  });

  it("forgets at a logout what was shown, from the palette too", async () => {
    for (const logOut of [
      async (user: UserEvent) => user.click(screen.getByRole("button", { name: "Log out ada" })),
      async (user: UserEvent) => {
        await user.click(screen.getByRole("button", { name: /Search/ }));
        await user.type(await screen.findByLabelText("Search commands"), "Log out");
        await user.click(await screen.findByRole("menuitem", { name: "Log out" }));
      },
    ]) {
      api.loggedIn = true;
      const client = open("/traces");
      await screen.findByRole("heading", { name: /No traces yet/ });
      await logOut(userEvent.setup());
      await screen.findByLabelText("Password");
      const keys = () =>
        client
          .getQueryCache()
          .getAll()
          .map(({ queryKey }) => queryKey[0]);
      await waitFor(() => expect(keys()).toEqual(["session"]));
      expect(api.loggedIn).toBe(false);
      cleanup();
    }
  });

  it("ignores what is no filter in the URL", async () => {
    api.loggedIn = true;
    open("/traces?range=1y&errors=maybe&nonsense=1");
    await screen.findByRole("heading", { name: /No traces yet/ });
  });

  it("tells how to send a first trace, and where traces are", async () => {
    api.loggedIn = true;
    open("/traces");
    await screen.findByRole("heading", { name: /No traces yet/ });
    await screen.findByText(/base_url="http:\/\/localhost:8080\/v1"/);
    expect((await screen.findByRole("link", { name: "demo" })).getAttribute("href")).toBe("/traces?project=demo");
  });

  it("says that the API is away, and goes on by itself when it is back", async () => {
    api.loggedIn = true;
    api.away = true;
    open("/traces");
    await screen.findByText(/API does not answer/);
    api.away = false;
    await screen.findByRole("heading", { name: /No traces yet/ });
    expect(screen.queryByText(/API does not answer/)).toBeNull();
  });

  it("says that a trace does not exist", async () => {
    api.loggedIn = true;
    open("/traces/0af7651916cd43dd8448eb211c80319c");
    expect((await screen.findByRole("alert")).textContent).toContain("no such trace");
  });
});
