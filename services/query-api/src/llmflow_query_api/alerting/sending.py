"""How one notice is sent: signed as Standard Webhooks 1.0.0 states, to addresses that are allowed and no others."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import random
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from types import TracebackType
from typing import Self

import httpx
import orjson

from llmflow_core.errors import Rejected
from llmflow_core.spans import JSON
from llmflow_core.tls import lenient
from llmflow_core.url_guard import UrlGuard, parsed_url
from llmflow_query_api.alerting.channels import Address
from llmflow_query_api.alerting.payloads import slack_message
from llmflow_store.alerts import Attempt

_SECRET_PREFIX = "whsec_"  # noqa: S105
_SECRET_BYTES = (24, 64)
_SECONDS = 15.0
_FIRST_RETRY = 5.0
_GROWTH = 3.0
_LONGEST_RETRY = 4 * 3600.0
_JITTER = 0.25


@dataclass(frozen=True, slots=True)
class Patience:
    """When to try again: after `first` seconds, then after longer and longer, until `give_up` after the event."""

    give_up: timedelta
    first: float = _FIRST_RETRY

    def pause(self, attempts: int, event_at: datetime, now: datetime, asked: float | None) -> float | None:
        """Seconds before the next attempt, after so many; None when it is too late. `asked` is the receiver's wish."""
        if now - event_at >= self.give_up:
            return None
        pause = min(self.first * _GROWTH ** min(attempts - 1, 30), _LONGEST_RETRY)
        return max(pause * random.uniform(1 - _JITTER, 1 + _JITTER), min(asked or 0, _LONGEST_RETRY))  # noqa: S311


class Sender:
    """Sends to URLs that administrators name. Follows no redirect, obeys no proxy of the environment and keeps nothing
    of an answer but its status. An async context manager."""

    def __init__(self, guard: UrlGuard) -> None:
        self._guard = guard
        self._client = httpx.AsyncClient(
            verify=_tls(),
            timeout=_SECONDS,
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": "LLMFlow"},
        )

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    def checked(self, url: str) -> httpx.URL:
        """The URL, if it may be sent to. Raises Rejected, without quoting it, for it may hold a credential."""
        parsed = parsed_url(url.strip())
        if parsed is None:
            raise Rejected("must be an http or https URL without credentials", field="url")
        self._guard.check(parsed)
        return parsed

    async def send(
        self, address: Address, kind: str, event_id: str, body: Mapping[str, JSON]
    ) -> tuple[Attempt, float | None]:
        """Try once; how it ended, and after how many seconds the receiver wants another attempt, if it says so."""
        payload = orjson.dumps(slack_message(body) if kind == "slack" else body)
        headers = {"Content-Type": "application/json"}
        if kind == "webhook":
            headers |= signed_headers(event_id, payload, address.secret, int(time.time()))
        try:
            async with asyncio.timeout(_SECONDS):
                request = await self._request(self.checked(address.url), payload, headers)
                answer = await self._client.send(request, stream=True)
                await answer.aclose()
        except Rejected as error:
            return Attempt(delivered=False, error=str(error)), None
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            return Attempt(delivered=False, error=_described(error)), None
        if answer.is_success:
            return Attempt(delivered=True, http_status=answer.status_code), None
        failed = Attempt(
            delivered=False, error=f"the receiver answered {answer.status_code}", http_status=answer.status_code
        )
        return failed, _retry_after(answer.headers.get("retry-after"))

    async def _request(self, url: httpx.URL, payload: bytes, headers: dict[str, str]) -> httpx.Request:
        """The request, to the very address that was checked: the name could stand for another a moment later."""
        if not self._guard.check(url):
            return self._client.build_request("POST", url, content=payload, headers=headers)
        loop = asyncio.get_running_loop()
        port = url.port or (443 if url.scheme == "https" else 80)
        found = await loop.getaddrinfo(url.host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        allowed = [str(address[0]) for *_, address in found if self._guard.permits(str(address[0]))]
        if not allowed:
            raise Rejected("the host has no address that LLMFlow may connect to (LLMFLOW_WEBHOOK_ALLOW)", field="url")
        return self._client.build_request(
            "POST",
            url.copy_with(host=allowed[0]),
            content=payload,
            headers={**headers, "Host": url.netloc.decode()},
            extensions={"sni_hostname": url.host},
        )


@cache
def _tls() -> ssl.SSLContext:
    """One for all: to read the certificates takes time."""
    return lenient(httpx.create_ssl_context())


def signed_headers(event_id: str, payload: bytes, secret: str | None, timestamp: int) -> dict[str, str]:
    """Standard Webhooks' headers. The id stays the same however often a notice is sent; `secret` is `whsec_` and
    base64, without one there is no signature."""
    headers = {"webhook-id": event_id, "webhook-timestamp": str(timestamp)}
    if secret is not None:
        key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX))
        digest = hmac.digest(key, b"%s.%d.%s" % (event_id.encode(), timestamp, payload), hashlib.sha256)
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers


def check_secret(secret: str) -> None:
    """Raise Rejected for what is no secret of Standard Webhooks."""
    try:
        key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(_SECRET_PREFIX) or not _SECRET_BYTES[0] <= len(key) <= _SECRET_BYTES[1]:
        raise Rejected("must be whsec_ and base64 of 24 to 64 bytes", field="secret")


def final(attempt: Attempt) -> bool:
    """Whether trying again is pointless: it has arrived, or the receiver says that it is gone for good."""
    return attempt.delivered or attempt.http_status == HTTPStatus.GONE


def _retry_after(header: str | None) -> float | None:
    if header is None:
        return None
    if header.isascii() and header.strip().isdigit():
        return float(header)
    try:
        return (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError):
        return None


def _described(error: Exception) -> str:
    """What went wrong, without the URL."""
    if isinstance(error, (httpx.TimeoutException, TimeoutError)):
        return "the receiver did not answer in time"
    if isinstance(error, socket.gaierror):
        return "the host is not known"
    if isinstance(error, (httpx.ConnectError, OSError)):
        return "no connection to the receiver"
    return f"the exchange failed: {type(error).__name__}"
