"""The proxy's own keys: who may use it, and into which project their calls are recorded.

They come from `LLMFLOW_PROXY_KEYS`, or are API keys made in the query API (scope `ingest`). A caller sends one as
`X-LLMFlow-Key`. One that stands where the provider's key belongs (`api_key="lf-sk-..."` in an SDK) counts as well, and
is taken off the request, so that the provider's default headers can put the provider's key in its place. No key of
LLMFlow ever travels upstream.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

from llmflow_core.api_keys import KEY_HEADER, KEY_PREFIX, credential, is_key
from llmflow_core.errors import LLMFlowError
from llmflow_core.key_refresh import KeyRefresher
from llmflow_core.projects import project_named

_HASHED = "sha256:"
_HEADER = KEY_HEADER.encode()
_MARK = KEY_PREFIX.encode()

Headers = list[tuple[bytes, bytes]]


class KeyRefused(LLMFlowError):  # noqa: N818 - named after the outcome
    """The caller's key does not let it in; `status` is the HTTP status to answer."""

    def __init__(self, message: str, *, status: int = 401) -> None:
        super().__init__(message)
        self.status = status


class Access:
    """Decides who may use the proxy. Without keys from either source, and unless they are `required`, everybody may."""

    def __init__(
        self, digests: Mapping[bytes, str] | None = None, keys: KeyRefresher | None = None, *, required: bool = False
    ) -> None:
        self._digests = digests or {}
        self._keys = keys
        self._required = required or digests is not None

    async def project(self, key: str | None) -> str | None:
        """The project that a caller with this key records into; None when that is for the caller to say.

        Raises KeyRefused for a key that is unknown, or missing where one is needed, and Retryable when it cannot be
        checked now. Where none is needed, a text without the form of a key counts as none.
        """
        if key and (project := project_of(key, self._digests)) is not None:
            return project
        if key and self._keys is not None and is_key(key):
            found = await self._keys.find(key)
            if found is None:
                raise KeyRefused("the LLMFlow key is unknown, revoked or expired")
            if "ingest" not in found.scopes:
                raise KeyRefused("the LLMFlow key lacks the scope ingest", status=403)
            return found.project
        if self._required:
            raise KeyRefused("this proxy asks for a key of its own; send it as X-LLMFlow-Key")
        return None


def own_key(headers: Headers, query: str) -> tuple[str | None, Headers]:
    """The LLMFlow key in a request's headers (names in lower case), and the headers without those that hold one in the
    provider's place. Raises KeyRefused for one in the query, which would be logged on its way."""
    if KEY_PREFIX in query:
        raise KeyRefused("an LLMFlow key does not belong into the URL; send it as X-LLMFlow-Key")
    key = next((value.decode("latin-1") for name, value in headers if name == _HEADER), None)
    # Nearly every call ends here, so this is one search and not one a header.
    values = b"\n".join([value for name, value in headers if name != _HEADER]).lower()
    if _MARK not in values and b"basic " not in values:
        return key, headers
    misplaced = [header for header in headers if header[0] != _HEADER and _holds_key(*header)]
    if not misplaced:
        return key, headers
    texts = (credential({"authorization": value.decode("latin-1")}) for _, value in misplaced)
    return key or next(filter(None, texts), None), [header for header in headers if header not in misplaced]


def digests_of(keys: Mapping[str, str]) -> dict[bytes, str]:
    """Project by SHA-256 digest, from project by key; a key may be given as `sha256:` and its digest in hexadecimal.

    Raises ValueError, without quoting a key.
    """
    digests = {}
    for number, (key, project) in enumerate(keys.items(), 1):
        try:
            digest = bytes.fromhex(key.removeprefix(_HASHED)) if key.startswith(_HASHED) else _digest(key)
            project_named(project, field="project")
        except Exception as error:
            raise ValueError(f"entry {number} is wrong: {error}") from None
        if len(digest) != hashlib.sha256().digest_size:
            raise ValueError(f"entry {number} is wrong: sha256: takes 64 hexadecimal digits")
        digests[digest] = project
    return digests


def project_of(key: str | None, digests: Mapping[bytes, str]) -> str | None:
    """The project of a key that a caller presented, or None for one that is not known.

    What is looked up is the digest: how long that takes says nothing about any key.
    """
    return digests.get(_digest(key)) if key else None


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("latin-1", "replace")).digest()


def _holds_key(name: bytes, value: bytes) -> bool:
    if name == b"authorization" and value[:6].lower() == b"basic ":
        try:
            return _MARK in base64.b64decode(value[6:], validate=True)
        except ValueError:
            return False
    return _MARK in value
