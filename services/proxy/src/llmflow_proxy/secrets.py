"""What must never be stored or logged: credentials, wherever a request carries them."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from urllib.parse import unquote_plus

import orjson
import re2  # type: ignore[import-untyped]

from llmflow_core.spans import JSON

REDACTED = "[redacted]"
#: Names of headers and query parameters that carry credentials. `key` alone is Google's query parameter.
_SECRET_NAME = re.compile(
    r"auth(?!or(?:s?$|s?[-_]))|api[-_]?key|(?:^|[-_])key(?:$|[-_])|token|secret|cookie|passw|pwd|credential|signature"
    r"|jwt|assertion|oidc|dpop|^sig$|^code$|session[-_]?key",
    re.IGNORECASE,
)
#: How the value of a header begins that is a credential whatever the header's name.
_SECRET_STARTS = (b"Bearer ", b"bearer ", b"Basic ", b"basic ", b"sk-", b"eyJ")
#: Shorter values would blank out ordinary words.
_SHORTEST = 8
#: What stands before the values in a credential of several parts: names of cookies, parameters of a signature.
_PART_NAME = re.compile(r"[;\s]*[\w.-]+=")

#: Members of JSON bodies that carry credentials: for MCP servers, data sources, gateways. Names of headers do not serve
#: here: `max_tokens` and `key` are everywhere in bodies. RE2, because Python's own engine takes thirty times as long
#: over many short messages.
_BODY_SECRET = re2.compile(
    rb'(?i)"(?:[\w-]*api[_-]?key|virtual_key|(?:proxy-)?authorization|[\w-]*(?:auth|authorization|access|refresh|bearer)[_-]token'
    rb'|[\w-]*secret(?:[_-](?:access[_-])?key)?|password)"\s*:\s*"((?:[^"\\]|\\.){8,})"'
)


@lru_cache(maxsize=512)
def is_secret(name: str) -> bool:
    """Whether a header or query parameter of this name carries a credential."""
    return _SECRET_NAME.search(name) is not None


# To decode each name of each request would take longer than to look it up.
@lru_cache(maxsize=512)
def _is_secret_header(name: bytes) -> bool:
    return is_secret(name.decode("latin-1"))


def header_text(value: bytes) -> str:
    """A header's value: UTF-8, as most programs write what is not ASCII, or else ISO 8859-1."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def secrets_of(headers: Iterable[tuple[bytes, bytes]], query: str, body: bytes = b"") -> tuple[str, ...]:
    """Every credential in the headers (of which some hold JSON), the query and the JSON body, longest first, each also
    without its scheme (`Bearer`)."""
    found: set[str] = set()
    for header, content in headers:
        if _is_secret_header(header) or content.startswith(_SECRET_STARTS):
            text = header_text(content)
            found |= {text, text.rpartition(" ")[2], *(_PART_NAME.split(text) if "=" in text else ())}
            if text[:6].lower() == "basic ":
                found |= _basic(text[6:])
        elif header == b"referer":
            query += "&" + header_text(content).partition("?")[2]
        elif content.startswith((b"{", b"[")):
            found |= _members(content)
    for name, value in _parameters(query):
        if is_secret(unquote_plus(name)):
            found |= {value, unquote_plus(value)}
    found |= _members(body)
    return tuple(sorted((value for value in found if len(value) >= _SHORTEST), key=len, reverse=True))


def _members(document: bytes) -> set[str]:
    texts = [text for content in _BODY_SECRET.findall(document) for text in _spellings(content)]
    return {*texts, *(text.rpartition(" ")[2] for text in texts)}


def _basic(encoded: str) -> set[str]:
    """What HTTP Basic encodes, and the password in it."""
    try:
        both = base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        return set()
    return {both, both.partition(":")[2]}


def _spellings(content: bytes) -> set[str]:
    """A member's text as it stands in JSON, and what that means: PHP, for one, writes each slash behind a backslash."""
    texts = {content.decode("utf-8", "replace")}
    if b"\\" in content:
        with suppress(orjson.JSONDecodeError):
            texts.add(orjson.loads(b'"%b"' % content))
    return texts


def redacted_query(query: str) -> str:
    """The query with the values of its credentials replaced."""
    return "&".join(
        f"{name}={REDACTED}" if value and is_secret(unquote_plus(name)) else f"{name}={value}" if value else name
        for name, value in _parameters(query)
    )


def without(value: JSON, secrets: tuple[str, ...]) -> JSON:
    """`value` with every occurrence of a secret replaced, in text and in lists of text."""
    if isinstance(value, str):
        for secret in secrets:
            if secret in value:
                value = value.replace(secret, REDACTED)
        return value
    if isinstance(value, list):
        return [without(item, secrets) for item in value]
    if isinstance(value, dict):
        return {key: without(item, secrets) for key, item in value.items()}
    return value


def _parameters(query: str) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (part.partition("=") for part in query.split("&")) if name]
