import { createMemoryHistory, createRootRoute, createRouter, RouterProvider } from "@tanstack/react-router";
import { act, cleanup, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it } from "vitest";
import { FoundTable } from "../ui/DataTable";

afterEach(cleanup);

const NAMES = Array.from({ length: 40 }, (_, at) => `model ${at}`);

function Models() {
  return (
    <FoundTable
      label="Models"
      columns={[{ header: "Model", cell: (name: string) => name }]}
      rows={NAMES}
      getId={(name) => name}
      textOf={(name) => name}
      empty="None"
    />
  );
}

async function show(url: string) {
  const history = createMemoryHistory({ initialEntries: [url] });
  const router = createRouter({ routeTree: createRootRoute({ component: Models }), history });
  render(<RouterProvider router={router as never} />);
  return { history, router, field: await screen.findByLabelText<HTMLInputElement>("Find") };
}

it("takes what is looked for from the URL, and writes it there without a step of the history", async () => {
  const { history, router, field } = await show("/?range=7d&find=model+3");
  expect(field.value).toBe("model 3");
  expect(screen.getAllByRole("row")).toHaveLength(12);
  await userEvent.setup().type(field, "9");
  expect(screen.getAllByRole("row")).toHaveLength(2);
  await waitFor(() => expect(router.state.location.search).toEqual({ range: "7d", find: "model 39" }));
  expect([history.length, field.value]).toEqual([1, "model 39"]);
});

it("follows Back, and never what is written before", async () => {
  const { history, router, field } = await show("/?find=a");
  await act(() => router.navigate({ to: "/", search: { find: "b" } as never }));
  expect(field.value).toBe("b");
  await act(async () => history.back());
  await waitFor(() => expect(field.value).toBe("a"));
});
