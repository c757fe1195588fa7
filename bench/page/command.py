"""`python -m bench page`: the trace page in Chromium, beside Phoenix's page of the same trace.

Each figure is the best of some runs in a browser without a cache; what is timed runs on all cores, the browser's, the
server's and the database's processes together. See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from playwright.async_api import Browser, BrowserContext
from playwright.async_api import TimeoutError as NotInTime

import llmflow
from bench.page.browser import Opened, Scrolled, chromium, new_page, open_page, scroll
from llmflow_testkit.clusters import BackendMissing, create_database, start_embedded_postgres
from llmflow_testkit.phoenix import find_phoenix, running_phoenix
from llmflow_testkit.polling import eventually
from llmflow_testkit.stack import PASSWORD, USERNAME, Stack
from llmflow_testkit.trace_shapes import deep_trace, long_message, wide_trace

#: The traces lie this long in the past, so that no page expects more of them.
_AGE_NS = 900 * 10**9
_PROTOBUF = {"content-type": "application/x-protobuf"}
_PROJECT = "bench"
#: On two busy cores Phoenix was seen to store 20 to 40 spans a second.
_PHOENIX_SECONDS = 600
#: How far and how fast is scrolled, in pixels and pixels a second: a wheel turned quickly.
_SCROLL, _SPEED = 6000, 3000


@dataclass(frozen=True)
class Shape:
    """A trace to be opened: how it is made, and a text by which one sees that it is there."""

    name: str
    make: Callable[..., ExportTraceServiceRequest]
    shows: str
    scrolls: bool


_SHAPES = {
    "wide": Shape("10,000 spans", wide_trace, "chat gpt-4o-mini", scrolls=True),
    "deep": Shape("300 levels", deep_trace, "step 5", scrolls=True),
    "long": Shape("5 MB message", long_message, "summarize", scrolls=False),
}


@dataclass(frozen=True)
class Product:
    """A page to be measured: the address of a trace's page, where its rows are, JavaScript that counts the spans one
    can reach there, what makes a browser's user known to it, and addresses of other pages by path."""

    name: str
    address: Callable[[bytes], str]
    rows: str
    count: str
    log_in: Callable[[BrowserContext], Awaitable[None]]
    pages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """`spans` is how many of the trace's can be reached."""

    opened: Opened
    scrolled: Scrolled | None
    spans: int


#: LLMFlow's pages but that of a trace.
_PAGES = (
    *("overview", "traces", "spans", "sessions", "logs", "explore", "users", "models", "prices", "tools"),
    *("otlp-metrics", "alerts", "destinations", "settings"),
)


@asynccontextmanager
async def llmflow_page(
    folder: Path, requests: Sequence[tuple[bytes, ExportTraceServiceRequest]]
) -> AsyncIterator[Product]:
    """LLMFlow on its embedded parts, with the traces."""
    page = Path(llmflow.__file__).parent / "page"
    if not (page / "index.html").is_file():
        raise BackendMissing("the page is not built: make .make/page")
    with start_embedded_postgres(folder / "postgres") as postgres:
        stack = Stack(
            folder,
            bus_url=f"embedded://{folder}/log",
            database_url=create_database(postgres.url),
            services=("ingest", "writer", "query-api"),
            environment={"LLMFLOW_FRONTEND_DIR": str(page)},
        )
        with stack:
            await _send(stack.url("ingest"), requests)
            async with stack.api() as api:

                async def written() -> bool:
                    listed = (await api.get("/api/v1/traces")).raise_for_status().json()["traces"]
                    spans = sum(len(one.resource_spans[0].scope_spans[0].spans) for _, one in requests)
                    return bool(sum(trace["span_count"] for trace in listed) == spans)

                await eventually(written, within=120)
            url = stack.url("query-api")

            async def log_in(context: BrowserContext) -> None:
                answer = await context.request.post(
                    f"{url}/api/v1/login",
                    data={"username": USERNAME, "password": PASSWORD},
                    headers={"x-requested-with": "XMLHttpRequest"},
                )
                assert answer.ok

            yield Product(
                name="LLMFlow",
                address=lambda key: f"{url}/traces/{key.hex()}",
                rows="[role=treegrid] [role=row]",
                count="Number(document.querySelector('[role=treegrid]').getAttribute('aria-rowcount'))",
                log_in=log_in,
                pages={f"/{path}": f"{url}/{path}" for path in _PAGES},
            )


@asynccontextmanager
async def phoenix_page(
    folder: Path, requests: Sequence[tuple[bytes, ExportTraceServiceRequest]]
) -> AsyncIterator[Product]:
    """Phoenix on SQLite, as it is without settings, with the traces."""
    async with running_phoenix(folder) as url:
        await _send(url, requests)
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as api:
            spans = sum(len(one.resource_spans[0].scope_spans[0].spans) for _, one in requests)
            query = "{ projects { edges { node { id name recordCount } } } }"
            found: dict[str, Any] = {}

            async def written() -> bool:
                body = (await api.post("/graphql", json={"query": query})).raise_for_status().json()
                nodes = [edge["node"] for edge in body["data"]["projects"]["edges"]]
                found.update(next((node for node in nodes if node["name"] == _PROJECT), {}))
                return bool(found.get("recordCount") == spans)

            begin = time.monotonic()
            try:
                await eventually(written, within=_PHOENIX_SECONDS)
            except AssertionError:
                # The rows say how many of a trace's spans were there to be shown.
                if not found:
                    raise
            seconds = time.monotonic() - begin
            print(f"\nPhoenix has stored {found['recordCount']} of {spans} spans after {seconds:.0f} s", flush=True)
        address = f"{url}/projects/{found['id']}/traces"

        async def log_in(_: BrowserContext) -> None:
            return

        yield Product(
            name="Phoenix",
            address=lambda key: f"{address}/{key.hex()}",
            rows="[data-testid=trace-tree] .span-node-wrap",
            count="document.querySelectorAll('[data-testid=trace-tree] .span-node-wrap').length",
            log_in=log_in,
        )


async def _send(url: str, requests: Sequence[tuple[bytes, ExportTraceServiceRequest]]) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=120) as client:
        for _, request in requests:
            answer = await client.post(f"{url}/v1/traces", content=request.SerializeToString(), headers=_PROTOBUF)
            answer.raise_for_status()


async def measure(browser: Browser, product: Product, key: bytes, shape: Shape, runs: int) -> Result:
    """The best of `runs`, each in a browser that knows nothing of the page."""
    results = []
    for _ in range(runs):
        context = await browser.new_context(viewport={"width": 1300, "height": 850})
        try:
            await product.log_in(context)
            page, session = await new_page(context)
            opened = await open_page(page, session, product.address(key), product.rows, shape.shows)
            spans = int(await page.evaluate(product.count))
            scrolled = None
            if shape.scrolls:
                scrolled = await scroll(page, session, product.rows, text=shape.shows, pixels=_SCROLL, speed=_SPEED)
            results.append(Result(opened, scrolled, spans))
        finally:
            await context.close()
    return Result(
        min((one.opened for one in results), key=lambda opened: opened.seen),
        max((one.scrolled for one in results if one.scrolled), key=lambda scrolled: scrolled.rate, default=None),
        results[0].spans,
    )


async def first_load(browser: Browser, product: Product, url: str) -> Opened:
    """A page opened by a browser that knows nothing of it."""
    context = await browser.new_context(viewport={"width": 1300, "height": 850})
    try:
        await product.log_in(context)
        page, session = await new_page(context)
        return await open_page(page, session, url, "main h1", "")
    finally:
        await context.close()


def main(given: Sequence[str]) -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench page", description=__doc__)
    parser.add_argument("--products", default="llmflow,phoenix", help="llmflow, phoenix")
    parser.add_argument("--traces", default=",".join(_SHAPES), help=", ".join(_SHAPES))
    parser.add_argument("--runs", type=int, default=3, help="of which the best counts")
    arguments = parser.parse_args(given)
    begin = time.monotonic()
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores", flush=True)
    try:
        with tempfile.TemporaryDirectory(prefix="llmflow-bench-") as folder:
            Path(folder).chmod(0o755)
            products, traces = arguments.products.split(","), arguments.traces.split(",")
            asyncio.run(_compare(Path(folder), products, traces, arguments.runs))
    except BackendMissing as missing:
        print(f"the benchmark needs Chromium and the built page: {missing}", file=sys.stderr)
        return 1
    print(f"\n{time.monotonic() - begin:.0f} s, load average now {os.getloadavg()[0]:.1f}")
    return 0


async def _compare(folder: Path, products: Sequence[str], names: Sequence[str], runs: int) -> None:
    shapes = [(number.to_bytes(16), _SHAPES[name]) for number, name in enumerate(names, start=1)]
    start = time.time_ns() - _AGE_NS
    requests = [(key, shape.make(key, start, project=_PROJECT)) for key, shape in shapes]
    first: dict[str, Result] = {}
    async with AsyncExitStack() as stack:
        browser = await stack.enter_async_context(chromium())
        for name in products:
            (folder / name).mkdir(mode=0o755)
            try:
                if name == "phoenix":
                    find_phoenix()
                async with _PRODUCTS[name](folder / name, requests) as product:
                    print(f"\n{product.name}\n{_HEAD}", flush=True)
                    for key, shape in shapes:
                        try:
                            result = await measure(browser, product, key, shape, runs)
                        except NotInTime as late:
                            print(f"{shape.name:14}  not shown: {late.message.splitlines()[0]}", flush=True)
                            continue
                        ratio = result.opened.seen / first.setdefault(shape.name, result).opened.seen
                        print(_row(shape.name, result, ratio), flush=True)
                    for path, url in product.pages.items():
                        print(_page_row(path, await first_load(browser, product, url)), flush=True)
            except BackendMissing as missing:
                if name == "llmflow":
                    raise
                print(f"\n{name}: SKIPPED, {missing}", flush=True)


_PRODUCTS = {"llmflow": llmflow_page, "phoenix": phoenix_page}
_HEAD = (
    f"{'':14}{'spans':>8}{'painted':>9}{'open':>8}{'main thread':>13}{'longest':>9}{'JavaScript':>12}"
    f"{'frames':>9}{'dropped':>9}{'a frame':>9}{'open,':>8}\n"
    f"{'':14}{'shown':>8}{'ms':>9}{'ms':>8}{'CPU ms':>13}{'task ms':>9}{'KB':>12}"
    f"{'/s':>9}{'%':>9}{'CPU ms':>9}{'ratio':>8}"
)


def _page_row(name: str, opened: Opened, spans: str = "") -> str:
    text = f"{name:14}{spans:>8}{opened.painted:9.0f}{opened.seen:8.0f}{opened.busy:13.0f}{opened.longest:9.0f}"
    return f"{text}{opened.script_bytes / 1000:12.0f}"


def _row(name: str, one: Result, ratio: float) -> str:
    scrolled = one.scrolled
    text = _page_row(name, one.opened, str(one.spans))
    if scrolled is None:
        return f"{text}{'':27}{ratio:8.1f}"
    return f"{text}{scrolled.rate:9.0f}{scrolled.dropped * 100:9.1f}{scrolled.busy:9.1f}{ratio:8.1f}"
