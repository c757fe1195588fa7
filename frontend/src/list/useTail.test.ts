import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { countNew, throttled } from "./useTail";

describe("what is throttled", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it("runs at once, and once more for all that came meanwhile", () => {
    const action = vi.fn();
    const { run } = throttled(action, 1000);
    run();
    expect(action).toHaveBeenCalledTimes(1);
    run();
    run();
    vi.advanceTimersByTime(1000);
    expect(action).toHaveBeenCalledTimes(2);
    vi.advanceTimersByTime(5000);
    expect(action).toHaveBeenCalledTimes(2);
  });

  it("never runs after it was cancelled", () => {
    const action = vi.fn();
    const { run, cancel } = throttled(action, 1000);
    run();
    run();
    cancel();
    vi.advanceTimersByTime(5000);
    expect(action).toHaveBeenCalledTimes(1);
  });
});

it("counts what is new, and says when there is more than one page of it", () => {
  expect(countNew(["b", "a"], ["d", "c", "b", "a"])).toEqual({ count: 2, more: false });
  expect(countNew(["b", "a"], ["b", "a"])).toEqual({ count: 0, more: false });
  expect(countNew(["b", "a"], ["d", "c"])).toEqual({ count: 2, more: true });
  expect(countNew([], ["b"])).toEqual({ count: 1, more: false });
});
