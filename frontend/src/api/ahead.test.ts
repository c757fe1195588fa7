import { afterEach, expect, it, vi } from "vitest";
import { askAhead, fetchOnce } from "./ahead";

const TRACE = "/api/v1/traces/0af7?project=shop";

afterEach(async () => {
  await Promise.all(["/api/v1/session", TRACE].map((path) => fetchOnce(request(path))));
});

function request(path: string): Request {
  return new Request(new URL(path, window.location.origin));
}

function serve(username: string | null, traceStatus = 200) {
  const fetched = vi.fn(async (asked: string | Request) => {
    const path = typeof asked === "string" ? asked : asked.url.replace(window.location.origin, "");
    if (path === "/api/v1/session") return Response.json({ username });
    return Response.json({ path }, { status: path === TRACE ? traceStatus : 200 });
  });
  vi.stubGlobal("fetch", fetched);
  return fetched;
}

it("asks for the session and the trace once, whoever wants them later", async () => {
  const fetched = serve("ada");
  askAhead({ pathname: "/traces/0af7", search: "?project=shop&span=1" });
  const session = await fetchOnce(request("/api/v1/session"));
  expect(await session.json()).toEqual({ username: "ada" });
  expect(await (await fetchOnce(request(TRACE))).json()).toEqual({ path: TRACE });
  expect(fetched).toHaveBeenCalledTimes(2);
  await fetchOnce(request(TRACE));
  expect(fetched).toHaveBeenCalledTimes(3);
});

it("asks for no trace while nobody is logged in, and anew for one that was refused", async () => {
  const fetched = serve(null);
  askAhead({ pathname: "/traces/0af7", search: "?project=shop" });
  await fetchOnce(request("/api/v1/session"));
  expect(fetched).toHaveBeenCalledTimes(1);
  await fetchOnce(request(TRACE));
  expect(fetched).toHaveBeenCalledTimes(2);

  const refused = serve("ada", 503);
  askAhead({ pathname: "/traces/0af7", search: "?project=shop" });
  expect((await fetchOnce(request(TRACE))).status).toBe(503);
  expect(refused).toHaveBeenCalledTimes(3);
});

it("asks for nothing but the session on other pages, and for nothing where one logs in", async () => {
  const fetched = serve("ada");
  askAhead({ pathname: "/login", search: "" });
  expect(fetched).not.toHaveBeenCalled();
  askAhead({ pathname: "/traces", search: "" });
  await fetchOnce(request("/api/v1/session"));
  expect(fetched).toHaveBeenCalledTimes(1);
});
