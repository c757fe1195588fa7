"""What the query API says is to be done: destinations that were added there, tests and replays.

It is asked every few seconds, and told how everything is doing. While it is away, what it said last stays in force; an
exporter that starts meanwhile begins with the destinations of its own file, and learns of the others once it answers.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlencode

import httpx
import orjson

from llmflow_core.destinations.destination import Destination
from llmflow_core.destinations.exchange import (
    POSITION_HEADER,
    PROJECT_HEADER,
    SPANS_HEADER,
    SYNC_PATH,
    note_path,
    page_path,
)
from llmflow_core.destinations.reading import EntryReader
from llmflow_core.destinations.secrets import SecretBox, exporter_references, secret_box
from llmflow_core.errors import Retryable
from llmflow_core.spans import JSON
from llmflow_exporter.settings import ExporterSettings

logger = logging.getLogger(__name__)

_TIMEOUT_SECONDS = 10.0

#: Attempts in a row that fail before the log says so: of services that start together, the query API is the slowest.
_COMPLAIN_AFTER = 5


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do for a destination: a test or a replay."""

    id: int
    destination: str
    kind: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some spans of a replay, as a serialized request, and the position after them; None at the end."""

    project: str
    spans: int
    value: bytes
    next: Mapping[str, JSON] | None


@dataclass(slots=True)
class Orders:
    """What is to be done; `broken` says what is wrong with destinations that cannot be begun with, by name."""

    destinations: Sequence[Destination] = ()
    broken: Mapping[str, str] = field(default_factory=dict)
    jobs: Sequence[Job] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What an exporter says: how each destination is doing, of which it can do jobs, and which it does."""

    destinations: Sequence[Mapping[str, Any]] = ()
    able: Sequence[str] = ()
    jobs: Sequence[int] = ()


def open_office(settings: ExporterSettings) -> Office | None:
    """The office that the settings name; None for none."""
    if settings.keys_url is None or settings.keys_token is None:
        return None
    return Office(
        str(settings.keys_url),
        settings.keys_token.get_secret_value(),
        box=secret_box(settings.secret_key, settings.old_secret_key),
        interval=settings.export_refresh_seconds,
    )


class Office(AbstractAsyncContextManager["Office"]):
    """The query API, as long as the context is open. `changed` is set when `orders` are new."""

    def __init__(self, url: str, token: str, *, box: SecretBox | None = None, interval: float = 2.0) -> None:
        #: This exporter among others, and this run of it.
        self.exporter = f"{socket.gethostname()}-{os.getpid()}-{os.urandom(4).hex()}"
        self.orders = Orders()
        self.changed = asyncio.Event()
        self._url = url
        self._references = exporter_references(box)
        self._interval = interval
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=_TIMEOUT_SECONDS,
            trust_env=False,
        )
        self._report: Callable[[], Report] = Report
        self._failures = 0
        self._syncing = asyncio.Lock()
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        with suppress(Retryable):
            await self._sync(Report(self._report().destinations))  # the last counts, and no more jobs
        await self._client.aclose()

    async def report_with(self, report: Callable[[], Report]) -> None:
        """Report from now on what `report` gives; return once no report from before is under way."""
        self._report = report
        async with self._syncing:
            pass

    async def page(self, job: int, position: Mapping[str, JSON] | None) -> Page:
        """The spans of a replay after this position, or after the one that is noted. Raises Retryable."""
        query = "" if position is None else f"?{urlencode({'position': orjson.dumps(position).decode()})}"
        answer = await self._asked("GET", page_path(job) + query)
        following = answer.headers.get(POSITION_HEADER)
        return Page(
            project=unquote(answer.headers[PROJECT_HEADER]),
            spans=int(answer.headers[SPANS_HEADER]),
            value=answer.content,
            next=None if following is None else orjson.loads(following),
        )

    async def note(
        self, job: int, state: str, *, sent: int = 0, position: Mapping[str, JSON] | None = None, message: str = ""
    ) -> bool:
        """Note how a job goes; whether it is still this exporter's. Raises Retryable."""
        body = {"exporter": self.exporter, "state": state, "sent": sent, "position": position, "message": message}
        answer = await self._asked("POST", note_path(job), body)
        return bool(orjson.loads(answer.content)["noted"])

    async def _run(self) -> None:
        while True:
            try:
                async with self._syncing:
                    await self._sync(self._report())
                self._failures = 0
            except Retryable as error:
                self._failures += 1
                if self._failures == _COMPLAIN_AFTER:
                    logger.warning("destinations stay as they are known: %s", error)
            except Exception:  # what is to be done must not depend on one odd answer
                logger.exception("the answer of %s cannot be read", self._url)
            await asyncio.sleep(self._interval)

    async def _sync(self, report: Report) -> None:
        body = {
            "exporter": self.exporter,
            "destinations": report.destinations,
            "able": report.able,
            "jobs": report.jobs,
        }
        document = orjson.loads((await self._asked("POST", SYNC_PATH, body)).content)
        destinations, broken = self._read(document["destinations"])
        jobs = [Job(one["id"], one["destination"], one["kind"]) for one in document["jobs"]]
        orders = Orders(destinations, broken, jobs)
        if orders != self.orders:
            self.orders = orders
            self.changed.set()

    def _read(self, entries: Sequence[Mapping[str, Any]]) -> tuple[list[Destination], dict[str, str]]:
        destinations, broken = [], {}
        for entry in entries:
            reader = EntryReader(self._references)
            destination = reader.read(entry["definition"])
            if destination is None:
                broken[entry["definition"]["name"]] = "; ".join(reader.problems)
            else:
                destinations.append(replace(destination, origin="api", epoch=entry["epoch"]))
        return destinations, broken

    async def _asked(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        try:
            content = None if body is None else orjson.dumps(body)
            answer = await self._client.request(
                method, path, content=content, headers={"content-type": "application/json"}
            )
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise Retryable(f"{self._url} does not answer as it should: {error!r}") from error
        return answer
