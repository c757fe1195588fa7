"""Who may send, and to which project."""

from __future__ import annotations

from collections.abc import Mapping

from llmflow_core.api_keys import credential, is_key
from llmflow_core.key_refresh import KeyRefresher
from llmflow_core.projects import PROJECT_HEADER, project_named
from llmflow_ingest.errors import Forbidden, Unauthenticated


class Access:
    """Decides by API keys, if the deployment has them; `required` refuses whoever sends none."""

    def __init__(self, keys: KeyRefresher | None = None, *, required: bool = False) -> None:
        self._keys = keys
        self._required = required

    async def project(self, headers: Mapping[str, str]) -> str:
        """The project that a request with these headers, or this gRPC metadata, belongs to; names in lower case.

        A key decides it; without one, the header `x-llmflow-project` does. A credential that has not the form of a key
        counts as none, because SDKs of other backends insist on some.

        Raises Unauthenticated for a missing or unknown key, Forbidden for one that may not send, Rejected for what
        cannot be a project's name, Retryable when the key cannot be checked now.
        """
        key = credential(headers)
        if self._keys is None or key is None or not is_key(key):
            if self._required:
                raise Unauthenticated("an API key is needed, as Authorization: Bearer, x-api-key or x-llmflow-key")
            return project_named(headers.get(PROJECT_HEADER))
        found = await self._keys.find(key)
        if found is None:
            raise Unauthenticated("the API key is unknown, revoked or expired")
        if "ingest" not in found.scopes:
            raise Forbidden("the API key lacks the scope ingest")
        return found.project
