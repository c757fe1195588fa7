import { createRootRoute, createRoute, createRouter, Link, Outlet, RouterProvider } from "@tanstack/react-router";
import { cleanup, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { afterEach, beforeEach, expect, it } from "vitest";
import { mayLeave } from "./leave";
import { differs, Unsaved } from "./Unsaved";

const OF = ["edit"];

function NameForm() {
  const [name, setName] = useState("");
  return (
    <>
      <Unsaved when={name !== ""} of={OF} />
      <input aria-label="Name" value={name} onChange={(event) => setName(event.target.value)} />
    </>
  );
}

function open() {
  window.history.pushState(null, "", "/other");
  window.history.pushState(null, "", "/form?edit=a");
  const root = createRootRoute({
    component: () => (
      <>
        {["/form?edit=a&range=1h", "/form?edit=b", "/other"].map((href) => (
          <Link key={href} to={href as never}>
            {href}
          </Link>
        ))}
        <Link to={"/other" as never} ignoreBlocker>
          Saved
        </Link>
        <Outlet />
      </>
    ),
  });
  const routes = [
    createRoute({ getParentRoute: () => root, path: "/form", component: NameForm }),
    createRoute({ getParentRoute: () => root, path: "/other", component: () => <h1>Other</h1> }),
  ];
  const router = createRouter({ routeTree: root.addChildren(routes) });
  render(<RouterProvider router={router as never} />);
}

/** Whether the browser asks before the tab is closed. */
function asksOnClose(): boolean {
  return !window.dispatchEvent(new Event("beforeunload", { cancelable: true }));
}

beforeEach(open);
afterEach(cleanup);

it("asks nothing while nothing is written", async () => {
  await screen.findByLabelText("Name");
  expect(asksOnClose()).toBe(false);
  await userEvent.click(screen.getByRole("link", { name: "/other" }));
  await screen.findByRole("heading", { name: "Other" });
});

it("asks before what is written is left, and stays or leaves as is answered", async () => {
  const user = userEvent.setup();
  await user.type(await screen.findByLabelText("Name"), "half a na");
  expect(asksOnClose()).toBe(true);
  await user.click(screen.getByRole("link", { name: "/other" }));
  await user.click(await screen.findByRole("button", { name: "Stay" }));
  await waitFor(() => expect(screen.queryByRole("alertdialog")).toBeNull());
  expect(screen.getByLabelText<HTMLInputElement>("Name").value).toBe("half a na");
  expect(window.location.pathname).toBe("/form");
  await user.click(screen.getByRole("link", { name: "/form?edit=b" }));
  await user.click(await screen.findByRole("button", { name: "Stay" }));
  await waitFor(() => expect(screen.queryByRole("alertdialog")).toBeNull());
  window.history.back();
  await user.click(await screen.findByRole("button", { name: "Leave" }));
  await screen.findByRole("heading", { name: "Other" });
  expect(asksOnClose()).toBe(false);
});

it("asks nothing where the form stays, or has saved", async () => {
  const user = userEvent.setup();
  await user.type(await screen.findByLabelText("Name"), "a name");
  await user.click(screen.getByRole("link", { name: "/form?edit=a&range=1h" }));
  await waitFor(() => expect(window.location.search).toContain("range=1h"));
  expect(screen.getByLabelText<HTMLInputElement>("Name").value).toBe("a name");
  await user.click(screen.getByRole("link", { name: "Saved" }));
  await screen.findByRole("heading", { name: "Other" });
});

it("asks before somebody logs out, and stays or leaves as is answered", async () => {
  const user = userEvent.setup();
  const name = await screen.findByLabelText("Name");
  expect(await mayLeave()).toBe(true);
  await user.type(name, "half a na");
  for (const [answer, leaves] of [
    ["Stay", false],
    ["Leave", true],
  ] as const) {
    const asked = mayLeave();
    await user.click(await screen.findByRole("button", { name: answer }));
    expect(await asked).toBe(leaves);
    await waitFor(() => expect(screen.queryByRole("alertdialog")).toBeNull());
  }
  expect(window.location.pathname).toBe("/form");
  await user.clear(name);
  expect(await mayLeave()).toBe(true);
});

it("takes what is written for what it says, in whichever order", () => {
  expect(differs({ a: 1, b: [2] }, { b: [2], a: 1 })).toBe(false);
  expect(differs({ a: 1, b: [3] }, { b: [2], a: 1 })).toBe(true);
});
