import { cleanup, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { renderPage } from "../../app/renderPage";
import { type Destination, definitionOf, draftOf, parseDestinationSearch } from "../../model/destinations";
import { DestinationsPage } from "./DestinationsPage";

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const TEMPO = {
  name: "tempo",
  origin: "api",
  address: "",
  dialect: null,
  status: { state: "ok", sent: 0, lag: 0, dead_letters: 0, rejected_spans: 0, last_success: null, last_error: null },
  definition: definitionOf({ ...draftOf(), name: "tempo", endpoint: "http://tempo:4318" }, []),
  version: "1",
} as unknown as Destination;

/** The page while it changes a destination, over an API that has this one. */
async function show() {
  let kept = TEMPO;
  const saved = vi.fn();
  const next = (definition: Destination["definition"]) => {
    kept = { ...kept, definition, version: String(Number(kept.version) + 1) };
    return Response.json(kept);
  };
  vi.stubGlobal("fetch", async (request: Request) => {
    const { pathname } = new URL(request.url);
    if (pathname.endsWith("/pause") && kept.definition) return next({ ...kept.definition, paused: true });
    if (request.method === "PUT") {
      saved(request.headers.get("If-Match"), (await request.clone().json()).paused);
      return next(await request.json());
    }
    if (pathname.endsWith("/destination-presets")) return Response.json({ presets: [] });
    return Response.json({ destinations: [kept], jobs: [], keeps_secrets: true });
  });
  renderPage("/destinations?change=tempo", DestinationsPage, parseDestinationSearch);
  return { endpoint: await screen.findByLabelText<HTMLInputElement>("Endpoint"), saved };
}

it("does not take one's own pause for a change by somebody else", async () => {
  const { endpoint, saved } = await show();
  const user = userEvent.setup();
  await user.type(endpoint, "/v1");
  await user.click(screen.getByLabelText("Pause tempo"));
  await screen.findByLabelText("Resume tempo");
  expect(screen.queryByText("Changed by someone else meanwhile")).toBeNull();
  expect(endpoint.value).toBe("http://tempo:4318/v1");
  await user.click(screen.getByText("Save"));
  await waitFor(() => expect(saved).toHaveBeenCalledExactlyOnceWith('"2"', true));
});
