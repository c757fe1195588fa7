"""API keys as authentication: a key sees and changes its own project and no other, by its scopes.

A key may use the routes marked `FOR_KEYS`, and only those. GET needs the scope `read`, every change the scope `write`.
The project of such a route is its query parameter `project` (or a part of the path by that name), which the key fixes
before the route sees it, so that no route has to think of keys.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any
from urllib.parse import parse_qsl, urlencode

from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException, PermissionDeniedException, TooManyRequestsException
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult

from llmflow_core.api_keys import ApiKey, Scope, credential, digest_of, is_key
from llmflow_core.errors import Retryable
from llmflow_query_api.auth import SAFE_METHODS, Connection, Gate, client_address, unauthorized
from llmflow_query_api.throttle import Throttle
from llmflow_store.administration import Administration

#: The `opt` of routes that API keys may use. A route without it is for the logged-in user alone.
FOR_KEYS = "for_keys"
PROJECT_PARAMETER = "project"

_FAILURES_BY_ADDRESS = 20
_REMEMBERED = 10_000


class KeyGate:
    """Decides which key a request comes with. One a process; it remembers the wrong keys that this process was sent."""

    def __init__(self, store: Administration) -> None:
        self._store = store
        self._by_address = Throttle(_FAILURES_BY_ADDRESS)
        self._right: OrderedDict[bytes, None] = OrderedDict()

    async def identify(self, connection: Connection) -> ApiKey | None:
        """The key that a request presents; None for a request without one.

        Raises NotAuthorizedException for a wrong one, and TooManyRequestsException after too many from one address. Who
        shares that address with a key that was right before is not held up.
        """
        presented = credential(connection.headers)
        if presented is None or not is_key(presented):
            return None
        digest, address = digest_of(presented), client_address(connection)
        if digest not in self._right and (wait := self._by_address.wait(address)):
            retry_after = str(math.ceil(wait))
            raise TooManyRequestsException(
                f"too many wrong API keys; try again in {retry_after} s", headers={"Retry-After": retry_after}
            )
        key = await self._store.use_key(digest)
        if key is None:
            self._right.pop(digest, None)
            self._by_address.failed(address)
            raise unauthorized(connection, "the API key is unknown, revoked or expired")
        self._right[digest] = None
        if len(self._right) > _REMEMBERED:
            self._right.popitem(last=False)
        return key


class Authentication(AbstractAuthenticationMiddleware):
    """Lets only requests through that come with a key or from a user. The connection's `user` becomes the key's id or
    the user's name, its `auth` the key, None for a user."""

    async def authenticate_request(self, connection: ASGIConnection[Any, Any, Any, Any]) -> AuthenticationResult:
        """Litestar's hook."""
        keys: KeyGate = connection.app.state.key_gate
        key = await keys.identify(connection)
        if key is not None:
            _confine(connection, key)
            return AuthenticationResult(user=key.id, auth=key)
        gate: Gate = connection.app.state.gate
        return AuthenticationResult(user=await gate.identify(connection), auth=None)


async def still_allowed(connection: Connection) -> bool:
    """Whether a request that was let in would be let in again: its session or key may have ended meanwhile."""
    try:
        key = await connection.app.state.key_gate.identify(connection)
        return key == connection.auth and (
            key is not None or await connection.app.state.gate.identify(connection) != ""
        )
    except HTTPException:
        return False
    except Retryable:
        return True


def _confine(connection: Connection, key: ApiKey) -> None:
    """Refuse what the key may not do, and make its project the one that is asked for."""
    if not connection.route_handler.opt.get(FOR_KEYS):
        raise PermissionDeniedException("an API key may not do this; log in with user name and password")
    scope: Scope = "read" if connection.scope.get("method") in SAFE_METHODS else "write"
    if scope not in key.scopes:
        raise PermissionDeniedException(f"the API key lacks the scope {scope}")
    query = parse_qsl(connection.scope["query_string"].decode("latin-1"), keep_blank_values=True, encoding="utf-8")
    asked = {value for name, value in query if name == PROJECT_PARAMETER}
    asked |= {str(value) for name, value in connection.path_params.items() if name == PROJECT_PARAMETER}
    if asked - {key.project}:
        raise PermissionDeniedException(f"the API key is for the project {key.project} only")
    kept = [(name, value) for name, value in query if name != PROJECT_PARAMETER]
    connection.scope["query_string"] = urlencode([*kept, (PROJECT_PARAMETER, key.project)]).encode()
