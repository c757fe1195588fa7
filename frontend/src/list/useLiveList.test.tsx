import { infiniteQueryOptions, QueryClient, QueryClientProvider, type QueryKey } from "@tanstack/react-query";
import { act, cleanup, renderHook } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Page } from "../model/page";
import { useLiveList } from "./useLiveList";

/** How long the API takes, and how often something comes, in ms. */
const ANSWER = 3000;
const CHANGE = 1000;
/** How soon the page shows what happened, in ms. */
const SOON = 100;

/** A live stream that tells of something all the time. */
class BusyStream extends EventTarget {
  static readonly CLOSED = 2;
  readonly readyState = 1;
  private readonly timer = setInterval(() => this.dispatchEvent(new Event("traces")), CHANGE);

  close() {
    clearInterval(this.timer);
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("EventSource", BusyStream);
});

afterEach(() => {
  cleanup();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** The list of an API whose rows are the times at which they were asked for, in answers to come. */
function slowList() {
  const begun = Date.now();
  return infiniteQueryOptions({
    queryKey: ["traces", {}] as QueryKey,
    queryFn: ({ signal }): Promise<Page<string>> =>
      new Promise((resolve, reject) => {
        const rows = [String(Date.now() - begun)];
        setTimeout(() => resolve({ rows, nextCursor: null }), ANSWER);
        signal.addEventListener("abort", reject);
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page: Page<string>) => page.nextCursor,
  });
}

async function pass(ms: number) {
  for (let passed = 0; passed < ms; passed += SOON) await act(() => vi.advanceTimersByTimeAsync(SOON));
}

function follow(hold: boolean) {
  const client = new QueryClient();
  const options = slowList();
  const given = { options, search: {}, getId: (row: string) => row, follow: true };
  return renderHook(({ hold }) => useLiveList({ ...given, hold }), {
    initialProps: { hold },
    wrapper: ({ children }: { children: ReactNode }) => (
      <QueryClientProvider client={client}>{children}</QueryClientProvider>
    ),
  });
}

it("shows what comes, although it comes faster than the API answers", async () => {
  const { result } = follow(false);
  await pass(ANSWER + SOON);
  expect(result.current.rows).toEqual(["0"]);
  await pass(5 * ANSWER);
  expect(Number(result.current.rows[0])).toBeGreaterThanOrEqual(3 * ANSWER);
});

it("counts what waits, although it comes faster than the API answers", async () => {
  const { result } = follow(true);
  await pass(4 * ANSWER + SOON);
  expect(result.current.rows).toEqual(["0"]);
  expect(result.current.waiting.count).toBe(1);
});

it("shows a row once that moved on to the next page meanwhile", async () => {
  const pages: Record<string, Page<string>> = {
    "": { rows: ["d", "c"], nextCursor: "c" },
    c: { rows: ["c", "b"], nextCursor: null },
  };
  const options = infiniteQueryOptions({
    queryKey: ["traces", {}] as QueryKey,
    queryFn: async ({ pageParam }) => pages[pageParam ?? ""] as Page<string>,
    initialPageParam: null as string | null,
    getNextPageParam: (page: Page<string>) => page.nextCursor,
  });
  const client = new QueryClient();
  const given = { options, search: {}, getId: (row: string) => row, follow: false, hold: false };
  const { result } = renderHook(() => useLiveList(given), {
    wrapper: ({ children }: { children: ReactNode }) => (
      <QueryClientProvider client={client}>{children}</QueryClientProvider>
    ),
  });
  await pass(SOON);
  await act(async () => void (await result.current.query.fetchNextPage()));
  await pass(SOON);
  expect(result.current.rows).toEqual(["d", "c", "b"]);
});
