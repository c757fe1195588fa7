"""API keys: their form, what they allow, and the snapshot of all of them that a service decides by.

Services on the hot path neither touch the database nor wait for the query API: they hold a `KeyRing` that
`llmflow_core.key_refresh` renews every few seconds, so a revoked key is refused after that time at the latest.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

#: What a key may do in its project: see it (`read`), change it (`write`), send to it by OTLP or the proxy (`ingest`).
Scope = Literal["read", "write", "ingest"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

KEY_PREFIX = "lf-sk-"
ID_PREFIX = "lf-pk-"
#: The header for where `Authorization` belongs to somebody else. In lower case, like all header names here.
KEY_HEADER = "x-llmflow-key"

_SECRET_BYTES = 32
_ID_BYTES = 12
_KEY = re.compile(rf"{KEY_PREFIX}[A-Za-z0-9_-]{{43}}")
_LARGEST_HEADER = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What is kept of a key: never the key itself.

    `id` is public: Langfuse-like clients send it as the user name of HTTP Basic. `digest` is `digest_of` the key,
    `expires_at` Unix seconds, None for never.
    """

    id: str
    digest: bytes
    project: str
    scopes: frozenset[Scope]
    expires_at: float | None = None

    def expired(self, now: float | None = None) -> bool:
        """Whether the key's time is over at `now`, in Unix seconds (the clock's without it)."""
        return self.expires_at is not None and self.expires_at <= (time.time() if now is None else now)


def new_key() -> tuple[str, str]:
    """A new key and its id: `lf-sk-` and 32 random bytes, `lf-pk-` and 12 others, both URL-safe."""
    return KEY_PREFIX + secrets.token_urlsafe(_SECRET_BYTES), ID_PREFIX + secrets.token_urlsafe(_ID_BYTES)


def digest_of(key: str) -> bytes:
    """The SHA-256 digest that stands for a key wherever one is kept.

    Slow, salted hashes protect passwords, which can be guessed. A key has 256 random bits: nobody finds it by trying,
    and a plain digest lets it be looked up in one step, in a time that tells nothing about any key.
    """
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()


def is_key(text: str) -> bool:
    """Whether `text` has the form of a key; it need not be a known one."""
    return _KEY.fullmatch(text) is not None


def credential(headers: Mapping[str, str]) -> str | None:
    """The secret that a request presents, from its headers or gRPC metadata (names in lower case); None without one.

    Looked at in this order: `x-llmflow-key`; `Authorization` as Bearer, as Basic (the password, as Langfuse's clients
    send keys) and with nothing but the key (as Opik's do); `x-api-key`. The first that has the form of a key wins, else
    the first there is: what is no key of LLMFlow's may be for somebody else, and the caller decides.
    """
    found = [
        text
        for text in (headers.get(KEY_HEADER), _authorization(headers.get("authorization")), headers.get("x-api-key"))
        if text
    ]
    return next((text for text in found if is_key(text)), found[0] if found else None)


class KeyRing:
    """A snapshot of all keys, by digest; it never changes."""

    def __init__(self, keys: Iterable[ApiKey] = ()) -> None:
        self._keys: Mapping[bytes, ApiKey] = {key.digest: key for key in keys}

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, key: str) -> ApiKey | None:
        """What is known of a key; None for one that is unknown or expired."""
        found = self._keys.get(digest_of(key))
        return None if found is None or found.expired() else found

    def allows(self, key: str, scope: Scope) -> str | None:
        """The project in which `key` may do `scope`, None when it may not."""
        found = self.find(key)
        return found.project if found is not None and scope in found.scopes else None

    def document(self) -> dict[str, Any]:
        """The snapshot as JSON, for `from_document`; the same for the same keys."""
        return {
            "keys": [
                {
                    "id": key.id,
                    "digest": key.digest.hex(),
                    "project": key.project,
                    "scopes": sorted(key.scopes),
                    "expires_at": key.expires_at,
                }
                for key in sorted(self._keys.values(), key=lambda key: key.id)
            ]
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> KeyRing:
        """The snapshot that `document` wrote. Scopes that this version does not know are left out.

        Raises ValueError, KeyError or TypeError for anything else.
        """
        return cls(
            ApiKey(
                id=entry["id"],
                digest=bytes.fromhex(entry["digest"]),
                project=entry["project"],
                scopes=frozenset(scope for scope in SCOPES if scope in entry["scopes"]),
                expires_at=entry["expires_at"],
            )
            for entry in document["keys"]
        )


def _authorization(value: str | None) -> str | None:
    if not value or len(value) > _LARGEST_HEADER:
        return None
    scheme, _, rest = value.strip().partition(" ")
    match scheme.lower():
        case "bearer":
            return rest.strip()
        case "basic":
            return _basic_password(rest.strip())
        case _:
            return value.strip() if not rest else None


def _basic_password(encoded: str) -> str | None:
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except ValueError:
        return None
