import { afterEach, expect, it, vi } from "vitest";
import { load } from "./code";

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("waits for a server that is away, and then loads", async () => {
  vi.useFakeTimers();
  const server = vi
    .fn()
    .mockRejectedValueOnce(new TypeError("away"))
    .mockResolvedValueOnce(new Response(null, { status: 502 }));
  vi.stubGlobal("fetch", server.mockResolvedValue(new Response()));
  const code = vi.fn().mockRejectedValueOnce(new TypeError("away")).mockResolvedValue("code");
  const loaded = load(code);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await loaded).toBe("code");
  expect(server).toHaveBeenCalledTimes(3);
});

it("fails where the server has the code no more", async () => {
  vi.stubGlobal("fetch", async () => new Response());
  await expect(load(() => Promise.reject(new TypeError("gone")))).rejects.toThrow("gone");
});
