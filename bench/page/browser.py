"""What Chromium's own tracing says of a page: when it painted, its frames, its tasks."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, BrowserContext, CDPSession, Page, async_playwright

from llmflow_testkit.chromium import FLAGS, find_chromium

_CATEGORIES = ["toplevel", "cc", "benchmark", "devtools.timeline", "disabled-by-default-devtools.timeline.frame"]
#: Runs before the page's own scripts: notes when the first element that matches and holds the text was painted.
_WATCH = """
(selector, text) => {
  const look = () => {
    const found = Array.from(document.querySelectorAll(selector)).some((element) => element.textContent.includes(text));
    requestAnimationFrame(found ? () => setTimeout(() => { window.benchSeen = performance.now(); }) : look);
  };
  look();
}
"""
_TIMEOUT_MS = 120_000
#: For what a page still does once its content is there.
_SETTLING_MS = 1500


@dataclass(frozen=True)
class Opened:
    """Milliseconds from the navigation's start until something was painted, and until what was waited for was;
    milliseconds of the page's main thread until it was idle, and its longest task; bytes of JavaScript, compressed."""

    painted: float
    seen: float
    busy: float
    longest: float
    script_bytes: int


@dataclass(frozen=True)
class Scrolled:
    """Frames a second that were drawn with all that the page wanted to show, the share that was dropped, and
    milliseconds of the main thread for each frame."""

    rate: float
    dropped: float
    busy: float


@dataclass
class Trace:
    """Events of Chromium's tracing; filled when its block ends."""

    events: list[dict[str, Any]] = field(default_factory=list)

    def tasks(self) -> list[tuple[float, float]]:
        """Wall and processor time in milliseconds of each task of the main thread of the page that had most to do."""
        names = {(e["pid"], e["tid"]): e["args"]["name"] for e in self.events if e["name"] == "thread_name"}
        found: dict[int, list[tuple[float, float]]] = {}
        for event in self.events:
            if event["name"] != "ThreadControllerImpl::RunTask" or "dur" not in event:
                continue
            if names.get((event["pid"], event["tid"])) == "CrRendererMain":
                found.setdefault(event["pid"], []).append((event["dur"] / 1000, event.get("tdur", 0) / 1000))
        return max(found.values(), key=lambda tasks: sum(cpu for _, cpu in tasks), default=[])

    def frames(self) -> list[tuple[float, str]]:
        """When each frame ended, in milliseconds, and what became of it, of the page that drew most of them."""
        begun = {}
        by_page: dict[int, list[tuple[float, str]]] = {}
        for event in self.events:
            if event["name"] != "PipelineReporter":
                continue
            key = event["pid"], event["id2"]["local"]
            if event["ph"] == "b":
                begun[key] = event["args"].get("frame_reporter", {}).get("state", "")
            elif key in begun:
                by_page.setdefault(event["pid"], []).append((event["ts"] / 1000, begun.pop(key)))
        drawn = {
            pid: sum(state.startswith("STATE_PRESENTED") for _, state in frames) for pid, frames in by_page.items()
        }
        return by_page[max(drawn, key=lambda pid: drawn[pid])] if drawn else []


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium without a window."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def tracing(session: CDPSession) -> AsyncIterator[Trace]:
    trace = Trace()
    config = {"includedCategories": _CATEGORIES, "traceBufferSizeInKb": 400_000}
    await session.send("Tracing.start", {"transferMode": "ReturnAsStream", "traceConfig": config})
    yield trace
    complete: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
    session.once("Tracing.tracingComplete", lambda event: complete.set_result(event))
    await session.send("Tracing.end")
    stream = (await complete)["stream"]
    pieces = []
    while True:
        piece = await session.send("IO.read", {"handle": stream})
        pieces.append(piece["data"])
        if piece["eof"]:
            break
    trace.events = json.loads("".join(pieces))["traceEvents"]


async def open_page(page: Page, session: CDPSession, url: str, selector: str, text: str) -> Opened:
    """Navigate to `url` and wait for an element that matches and holds the text."""
    page.set_default_timeout(_TIMEOUT_MS)
    await page.add_init_script(f"({_WATCH})({json.dumps(selector)}, {json.dumps(text)})")
    async with tracing(session) as trace:
        await page.goto(url, wait_until="commit")
        await page.locator(selector, has_text=text).first.wait_for()
        await page.wait_for_timeout(_SETTLING_MS)
        times = await page.evaluate(
            """() => [
              performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1,
              window.benchSeen,
              performance.getEntriesByType('resource')
                .filter((entry) => /\\.m?js(\\?|$)/.test(entry.name))
                .reduce((sum, entry) => sum + entry.encodedBodySize, 0),
            ]"""
        )
    tasks = trace.tasks()
    return Opened(
        painted=times[0],
        seen=times[1],
        busy=sum(cpu for _, cpu in tasks),
        longest=max((cpu for _, cpu in tasks), default=0),
        script_bytes=times[2],
    )


async def scroll(page: Page, session: CDPSession, selector: str, *, text: str, pixels: int, speed: int) -> Scrolled:
    """Turn the wheel over the element that holds the text, so far and so many pixels a second."""
    box = await page.locator(selector, has_text=text).first.bounding_box()
    assert box
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + min(box["height"], 400) / 2}
    gesture = {**at, "yDistance": -pixels, "speed": speed, "gestureSourceType": "mouse"}
    async with tracing(session) as trace:
        await session.send("Input.synthesizeScrollGesture", gesture)
    count = Counter(state for _, state in trace.frames())
    whole = [at for at, state in trace.frames() if state == "STATE_PRESENTED_ALL"]
    wanted = sum(number for state, number in count.items() if state != "STATE_NO_UPDATE_DESIRED")
    seconds = (whole[-1] - whole[0]) / 1000 if len(whole) > 1 else 1
    return Scrolled(
        rate=(len(whole) - 1) / seconds,
        dropped=count["STATE_DROPPED"] / max(1, wanted),
        busy=sum(cpu for _, cpu in trace.tasks()) / max(1, len(whole)),
    )


async def new_page(context: BrowserContext) -> tuple[Page, CDPSession]:
    page = await context.new_page()
    return page, await context.new_cdp_session(page)
