import { cleanup, render, screen } from "@testing-library/react";
import { Suspense } from "react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { lazyPart } from "./lazyPart";

const gone = () => Promise.reject(new TypeError("Failed to fetch dynamically imported module"));

beforeEach(() => {
  vi.stubGlobal("fetch", async () => new Response());
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

it("leaves the rest of the page in place when an upgrade has taken its code away", async () => {
  const Part = lazyPart(gone);
  render(
    <Suspense>
      <p>The rest</p>
      <Part />
    </Suspense>,
  );
  expect((await screen.findByRole("alert")).textContent).toContain("LLMFlow was upgraded");
  expect(screen.getByText("The rest")).toBeTruthy();
});

it("shows what it is given to show instead", async () => {
  const Part = lazyPart<{ text: string }>(gone, ({ text }) => <p>plain {text}</p>);
  render(
    <Suspense>
      <Part text="words" />
    </Suspense>,
  );
  expect(await screen.findByText("plain words")).toBeTruthy();
});
