import { QueryClientProvider } from "@tanstack/react-query";
import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createQueryClient } from "../app/queries";
import { FacetPanel } from "./FacetPanel";

const FIELDS = {
  status: [{ value: "unset", span_count: 12 }],
  model: Array.from({ length: 50 }, (_, place) => ({ value: `model-${place}`, span_count: 100 - place })),
};

beforeEach(() => vi.stubGlobal("fetch", async () => Response.json({ fields: FIELDS, sampled: false })));
afterEach(cleanup);

it("tells the number of spans of a chosen value only where it knows it", async () => {
  render(
    <QueryClientProvider client={createQueryClient()}>
      <FacetPanel search={{ filter: "status:error model:rare user:ada" }} onFilter={() => undefined} />
    </QueryClientProvider>,
  );
  await screen.findByText("12", {}, { timeout: 4000 });
  const shown = (value: string) => screen.getByTitle(value).closest("label")?.textContent;
  expect(shown("error")).toBe("error0");
  expect(shown("rare")).toBe("rare");
  expect(shown("ada")).toBe("ada");
});
