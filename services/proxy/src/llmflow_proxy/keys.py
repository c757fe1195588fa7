"""The proxy's own keys: who may use it, and into which project their calls are recorded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from llmflow_core.projects import project_named

KEY_HEADER = "x-llmflow-key"
_HASHED = "sha256:"


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
