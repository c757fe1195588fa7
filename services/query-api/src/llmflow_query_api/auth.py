"""The logged-in user: HTTP Basic and the page's session cookie, guessing slowed, cross-site requests refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
from collections.abc import Awaitable, Callable
from ipaddress import IPv6Address, ip_address
from typing import Any

from itsdangerous import BadData, URLSafeTimedSerializer
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException, TooManyRequestsException
from litestar.handlers import BaseRouteHandler

from llmflow_query_api.throttle import Throttle
from llmflow_store.administration import Actor

COOKIE = "llmflow_session"
#: Sent along by the page's requests, so that a refused one opens no password dialog of the browser.
PAGE_HEADER = "X-Requested-With"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_FAILURES_BY_USER = 5
_FAILURES_BY_ADDRESS = 20

Connection = ASGIConnection[Any, Any, Any, Any]


class Sessions:
    """Signed session tokens that expire; a change of the password or the key ends them all. Nothing is stored."""

    def __init__(self, key: Callable[[], Awaitable[bytes]], *, password: str, lifetime_seconds: int) -> None:
        self._key = key
        self._salt = b"llmflow session " + hashlib.sha256(password.encode()).digest()
        self._serializer: URLSafeTimedSerializer | None = None
        self.lifetime_seconds = lifetime_seconds

    async def issue(self, username: str) -> str:
        """A token for `username`. Raises Retryable while the key cannot be had."""
        return (await self._signer()).dumps(username)

    async def username(self, token: str) -> str | None:
        """Who the token was issued to; None when it is forged, expired or of another key."""
        try:
            username = (await self._signer()).loads(token, max_age=self.lifetime_seconds)
        except BadData:
            return None
        return username if isinstance(username, str) else None

    async def _signer(self) -> URLSafeTimedSerializer:
        if self._serializer is None:
            self._serializer = URLSafeTimedSerializer(
                await self._key(), salt=self._salt, signer_kwargs={"digest_method": hashlib.sha256}
            )
        return self._serializer


class Gate:
    """Decides who a request comes from. One a process; it remembers the failed logins of this process."""

    def __init__(self, username: str, password: str, sessions: Sessions) -> None:
        self._username = username
        self._digest = _digest(username, password)
        self._by_user = Throttle(_FAILURES_BY_USER)
        self._by_address = Throttle(_FAILURES_BY_ADDRESS)
        self.sessions = sessions

    async def identify(self, connection: Connection) -> str:
        """The user of this request, as `recognise` tells; raises NotAuthorizedException for nobody."""
        user = await self.recognise(connection)
        if user is None:
            raise unauthorized(connection, "log in first")
        return user

    async def recognise(self, connection: Connection) -> str | None:
        """The user of this request, by Authorization header or else by cookie, None without a session that holds.

        Raises NotAuthorizedException for a wrong password, and TooManyRequestsException after too many of them.
        """
        if authorization := connection.headers.get("authorization"):
            username, password = _basic(authorization, connection)
            self.check(connection, username, password)
            return username
        token = connection.cookies.get(COOKIE)
        user = await self.sessions.username(token) if token else None
        return user if user == self._username else None

    def check(self, connection: Connection, username: str, password: str) -> None:
        """Return if the password is right. Takes the same time whatever is wrong; raises like `identify`."""
        address = client_address(connection)
        if wait := max(self._by_user.wait((address, username)), self._by_address.wait(address)):
            retry_after = str(math.ceil(wait))
            raise TooManyRequestsException(
                f"too many failed logins; try again in {retry_after} s", headers={"Retry-After": retry_after}
            )
        if not hmac.compare_digest(_digest(username, password), self._digest):
            self._by_user.failed((address, username))
            self._by_address.failed(address)
            raise unauthorized(connection, "wrong user name or password")
        self._by_user.succeeded((address, username))


async def same_origin(connection: Connection, _: BaseRouteHandler) -> None:
    """Guard: refuse what another site's page made a browser send, since the browser adds the cookie on its own.

    Browsers say where a request comes from in Sec-Fetch-Site, or (older ones, and on plain HTTP) in Origin; a request
    with neither is not a browser's. A browser adds no API key on its own, unless it was typed in as a password.
    """
    if connection.scope.get("method", "GET") in SAFE_METHODS or _came_with_a_key(connection):
        return
    site = connection.headers.get("sec-fetch-site")
    origin = connection.headers.get("origin")
    if site in ("same-origin", "none"):
        return
    if site is None and (origin is None or origin.partition("://")[2] == connection.headers.get("host")):
        return
    raise PermissionDeniedException("a page of another site may not do this")


def _came_with_a_key(connection: Connection) -> bool:
    basic = connection.headers.get("authorization", "").lower().startswith("basic ")
    return connection.scope.get("auth") is not None and not basic


def unauthorized(connection: Connection, detail: str) -> NotAuthorizedException:
    """The 401 to raise; it asks for a password unless the page's own code made the request."""
    from_page = PAGE_HEADER in connection.headers or connection.headers.get("sec-fetch-mode", "navigate") != "navigate"
    headers = None if from_page else {"WWW-Authenticate": 'Basic realm="LLMFlow", charset="UTF-8"'}
    return NotAuthorizedException(detail, headers=headers)


def actor(request: Request[Any, Any, Any]) -> Actor:
    """Who makes an authenticated request, for the audit log."""
    return Actor(request.user, request.client.host if request.client else "")


def client_address(connection: Connection) -> str:
    """The client as the throttle counts it: an IPv4 address, or the /64 network that one IPv6 client usually owns."""
    host = connection.client.host if connection.client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))
    return host


def _basic(authorization: str, connection: Connection) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        decoded = ""
    username, colon, password = decoded.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise unauthorized(connection, "the Authorization header is neither HTTP Basic nor an API key")
    return username, password


def _digest(username: str, password: str) -> bytes:
    return hashlib.sha256(username.encode()).digest() + hashlib.sha256(password.encode()).digest()
