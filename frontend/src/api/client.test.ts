import { expect, it, vi } from "vitest";
import * as api from "./client";
import { ApiError, Unreachable } from "./errors";

const signal = new AbortController().signal;

function answer(status: number, body: unknown) {
  const fetched = vi.fn<(request: Request) => Promise<Response>>(async () => Response.json(body, { status }));
  vi.stubGlobal("fetch", fetched);
  return fetched;
}

it("asks the page's own origin, as a page", async () => {
  const fetched = answer(200, { traces: [], next_cursor: null });
  await api.traces({ project: "demo", limit: 5, filter: "user:a b" }, signal);
  const request = fetched.mock.calls[0]?.[0] as Request;
  expect(request.url).toBe("http://localhost:3000/api/v1/traces?project=demo&limit=5&filter=user%3Aa%20b");
  expect(request.headers.get("X-Requested-With")).toBe("XMLHttpRequest");
});

it("raises a problem's detail", async () => {
  answer(400, { type: "about:blank", title: "Bad Request", status: 400, detail: "cursor: not one of this list" });
  const error = await api.projects(signal).catch((cause) => cause);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ status: 400, title: "Bad Request", message: "cursor: not one of this list" });
});

it.each([502, 503])("takes %d for an outage", async (status) => {
  answer(status, { detail: "the database is away or overloaded" });
  await expect(api.projects(signal)).rejects.toThrow(new Unreachable("the database is away or overloaded"));
});

it("takes a gateway that waits in vain for an outage, and a question that takes too long for refused", async () => {
  answer(504, "<html>");
  await expect(api.projects(signal)).rejects.toBeInstanceOf(Unreachable);
  answer(504, { title: "Gateway Timeout", detail: "the database needs too long for this" });
  await expect(api.projects(signal)).rejects.toMatchObject({ name: "ApiError", status: 504 });
});

it("takes a failed connection for an outage", async () => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
  await expect(api.projects(signal)).rejects.toBeInstanceOf(Unreachable);
});

it("knows that nobody is logged in", async () => {
  answer(200, { username: null });
  await expect(api.session(signal)).resolves.toBeNull();
});
