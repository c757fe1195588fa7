"""Keeps a service's `KeyRing` fresh from the query API, off the path of requests."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import orjson
from prometheus_client import Gauge

from llmflow_core.api_keys import ApiKey, KeyRing, Scope, is_key
from llmflow_core.errors import Retryable
from llmflow_core.key_settings import KeySettings

if TYPE_CHECKING:
    import httpx

SNAPSHOT_PATH = "/internal/keys"
USED_PATH = "/internal/keys/used"

#: An unknown key has the snapshot fetched again, but no more often than this, in seconds.
_PAUSE_SECONDS = 1.0
_TIMEOUT_SECONDS = 5.0
_RETRY_AFTER_SECONDS = 5.0
#: Fetches in a row that fail before the log says so: services that start together find each other at the second.
_COMPLAIN_AFTER = 2
_MALFORMED = (ValueError, KeyError, TypeError)

REFRESHED = Gauge("llmflow_keys_refreshed_timestamp_seconds", "When the API keys were last known to be current.")

logger = logging.getLogger(__name__)


def key_refresher(settings: KeySettings) -> KeyRefresher | None:
    """The refresher that the settings ask for; None where they name no query API. Enter it where the service starts."""
    if settings.keys_url is None or settings.keys_token is None:
        return None
    return KeyRefresher(
        str(settings.keys_url),
        settings.keys_token.get_secret_value(),
        interval=settings.keys_refresh_seconds,
        file=settings.keys_file,
    )


class KeyRefresher(AbstractAsyncContextManager["KeyRefresher"]):
    """Holds the newest snapshot of all API keys while the context is open.

    It is fetched every `interval` seconds, so that is how long a revoked key may live on; while the query API is away
    the last one stays in force. `file`, if given, holds its copy (digests, no keys) for the next start. Which keys were
    used is told to the query API now and then. `transport` replaces the network.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        interval: float = 5.0,
        file: Path | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._interval = interval
        self._file = file
        self._transport = transport
        self._ring: KeyRing | None = None
        self._etag = ""
        self._current = False
        self._failures = 0
        self._used: set[str] = set()
        # When the newest fetch began, and when the newest that has ended did.
        self._began_at = self._ended_from = -_PAUSE_SECONDS
        self._fetching: asyncio.Task[None] | None = None
        self._client: httpx.AsyncClient
        self._running: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        """Read the file and begin to fetch. Waits for nobody: the query API may start later."""
        # Costs memory and time that a service without API keys saves.
        import httpx

        self._ring = self._kept()
        self._client = httpx.AsyncClient(
            base_url=self._url,
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=_TIMEOUT_SECONDS,
            trust_env=False,
            transport=self._transport,
        )
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [task for task in (self._running, self._fetching) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.aclose()

    def known(self, key: str) -> ApiKey | None:
        """What the snapshot at hand says of a key, without waiting for anything."""
        found = self._ring.find(key) if self._ring is not None else None
        if found is not None:
            self._used.add(found.id)
        return found

    async def find(self, key: str) -> ApiKey | None:
        """What is known of a key, None for one that is unknown, revoked or expired.

        A known key is found at once. For another one the snapshot is fetched again, at most once a second for all
        callers together, so a key works as soon as it was made. Raises Retryable for a key that is unknown here while
        the query API is away, which alone could tell.
        """
        asked = time.monotonic()
        while (found := self.known(key)) is None and is_key(key) and self._ended_from < asked:
            pause = self._began_at + _PAUSE_SECONDS - time.monotonic()
            if pause > 0 and not self._is_fetching():
                await asyncio.sleep(pause)
            else:
                await self._shared_fetch()
        if found is None and is_key(key) and not self._current:
            raise Retryable("API keys cannot be checked now", retry_after=_RETRY_AFTER_SECONDS)
        return found

    async def allows(self, key: str, scope: Scope) -> str | None:
        """The project in which `key` may do `scope`, None when it may not. Raises like `find`."""
        found = await self.find(key)
        return found.project if found is not None and scope in found.scopes else None

    async def _run(self) -> None:
        while True:
            await self._shared_fetch()
            await self._tell_used()
            await asyncio.sleep(self._interval)

    async def _shared_fetch(self) -> None:
        """Join the fetch that is under way, or begin one."""
        if self._fetching is None or not self._is_fetching():
            self._began_at = time.monotonic()
            self._fetching = asyncio.create_task(self._fetch())
        await asyncio.shield(self._fetching)

    def _is_fetching(self) -> bool:
        return self._fetching is not None and not self._fetching.done()

    async def _fetch(self) -> None:
        try:
            answer = await self._client.get(SNAPSHOT_PATH, headers={"If-None-Match": self._etag} if self._etag else {})
            if answer.status_code != 304:
                answer.raise_for_status()
                document = orjson.loads(answer.content)
                self._ring = KeyRing.from_document(document)
                self._etag = answer.headers.get("etag", "")
                await asyncio.to_thread(self._keep, document)
        except Exception as error:  # whatever it is, the next fetch may succeed
            self._current = False
            self._failures += 1
            if self._failures == _COMPLAIN_AFTER:
                state = "no key is known yet" if self._ring is None else "the keys known so far stay in force"
                logger.warning("the API keys cannot be fetched from %s, %s: %r", self._url, state, error)
        else:
            self._current, self._failures = True, 0
            REFRESHED.set_to_current_time()
        self._ended_from = self._began_at

    async def _tell_used(self) -> None:
        import httpx

        used, self._used = self._used, set()
        if not used:
            return
        try:
            (await self._client.post(USED_PATH, json={"ids": sorted(used)})).raise_for_status()
        except httpx.HTTPError:
            self._used |= used

    def _kept(self) -> KeyRing | None:
        try:
            return KeyRing.from_document(orjson.loads(self._file.read_bytes())) if self._file else None
        except FileNotFoundError:
            return None
        except (OSError, *_MALFORMED) as error:
            logger.warning("the API keys in %s cannot be read: %r", self._file, error)
            return None

    def _keep(self, document: dict[str, Any]) -> None:
        if self._file is None:
            return
        # Several workers may write at once; each writes the whole truth of its moment.
        written = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with open(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(orjson.dumps(document))
            written.replace(self._file)
        except OSError as error:
            logger.warning("the API keys cannot be kept in %s: %r", self._file, error)
