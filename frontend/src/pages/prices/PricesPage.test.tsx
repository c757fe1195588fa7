import { cleanup, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { renderPage } from "../../app/renderPage";
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
  renderPage("/prices", PricesPage, parsePriceSearch);
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
