import { QueryClientProvider } from "@tanstack/react-query";
import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ApiError } from "../api/errors";
import { createQueryClient } from "../app/queries";
import { FilterInput } from "./FilterInput";

const LANGUAGE = {
  fields: [
    { name: "status", kind: "choice", description: "OTLP's status", choices: ["unset", "ok", "error"], keyed: false },
    { name: "model", kind: "text", description: "model that was asked for", choices: [], keyed: false },
    { name: "cost", kind: "cost", description: "cost in US dollars", choices: [], keyed: false },
  ],
  aliases: {},
};

async function answer(request: Request): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === "/api/v1/filter-fields") return Response.json(LANGUAGE);
  const values = [
    { value: "gpt-4o", span_count: 7 },
    { value: "my model", span_count: 1 },
  ];
  return Response.json({
    values:
      searchParams.get("field") === "model"
        ? values.filter((v) => v.value.startsWith(searchParams.get("prefix") ?? ""))
        : [],
  });
}

beforeEach(() => vi.stubGlobal("fetch", answer));
afterEach(cleanup);

function show(filter: string, error: ApiError | null = null) {
  const onCommit = vi.fn();
  render(
    <QueryClientProvider client={createQueryClient()}>
      <FilterInput search={{ filter }} error={error} onCommit={onCommit} />
    </QueryClientProvider>,
  );
  return {
    onCommit,
    input: screen.getByRole<HTMLInputElement>("textbox", { name: "Filter" }),
    user: userEvent.setup(),
  };
}

it("applies what was typed on Enter", async () => {
  const { onCommit, input, user } = show("");
  await user.type(input, "status:error{Enter}");
  expect(onCommit).toHaveBeenCalledExactlyOnceWith("status:error");
});

it("completes a field, then one of its values, which applies the filter", async () => {
  const { onCommit, input, user } = show("status:error");
  await user.type(input, " mod");
  await user.click(await screen.findByRole("option", { name: /^model/ }));
  expect(input.value).toBe("status:error model:");
  await user.click(await screen.findByRole("option", { name: /my model/ }));
  expect(onCommit).toHaveBeenCalledExactlyOnceWith('status:error model:"my model"');
});

it("is completed by keyboard alone", async () => {
  const { onCommit, input, user } = show("");
  await user.type(input, "status:e");
  await screen.findByRole("option", { name: "error" });
  await user.keyboard("{ArrowDown}{Enter}");
  expect(onCommit).toHaveBeenCalledExactlyOnceWith("status:error");
});

it("leaves with Tab, not into the completions", async () => {
  const user = userEvent.setup();
  show("");
  await user.click(screen.getByRole("textbox", { name: "Filter" }));
  await screen.findByRole("listbox");
  await user.tab();
  expect(screen.queryByRole("listbox")).toBeNull();
});

it("offers comparisons where a field has an order", async () => {
  const { onCommit, input, user } = show("");
  await user.type(input, "cost:");
  await user.click(await screen.findByRole("option", { name: />.*more than/ }));
  expect(input.value).toBe("cost:>");
  expect(onCommit).not.toHaveBeenCalled();
});

it("shows where the filter goes wrong", () => {
  const { input } = show("👍 cost:much", new ApiError(400, "Bad Request", "cost must be an amount", "filter", 7));
  const alert = screen.getByRole("alert");
  expect(alert.textContent).toContain("cost must be an amount");
  expect(alert.querySelector("mark")?.textContent).toBe("m");
  expect(input.getAttribute("aria-invalid")).toBe("true");
});
