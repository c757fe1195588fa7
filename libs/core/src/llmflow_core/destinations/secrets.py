"""Secrets of destinations that are added over the API: sealed where they are stored, opened where they are used.

A sealed secret is a reference like those of `references`, `${sealed:...}`, so that an entry keeps its form.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from llmflow_core.destinations.presets import SECRET_OPTIONS
from llmflow_core.destinations.references import REFERENCE
from llmflow_core.errors import Rejected

#: Shown in the place of a secret; sent back, it stands for the secret that is there.
HIDDEN = "[secret]"
#: What LLMFlow itself is told in secret must not leave through a destination that refers to it.
_OWN_VARIABLES = re.compile(r"(LLMFLOW_|AUTH_|OTLP_|PG).*")
_NO_KEY = (
    "a secret is kept only encrypted: set LLMFLOW_SECRET_KEY, the same for the query API and the exporter, or refer to "
    "a variable of the exporter by ${env:NAME}"
)

Place = tuple[str, ...]


class SecretBox:
    """Seals secrets (Fernet: AES-128-CBC and HMAC-SHA256) with a key that is made of `passphrase`."""

    def __init__(self, passphrase: str) -> None:
        # Costs time and memory that a service without such secrets saves.
        from cryptography.fernet import Fernet
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        key = HKDF(SHA256(), 32, None, b"llmflow destinations").derive(passphrase.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    def seal(self, secret: str) -> str:
        """The reference that stands for `secret`."""
        return f"${{sealed:{self._fernet.encrypt(secret.encode()).decode()}}}"

    def open(self, token: str) -> str:
        """The secret that a reference holds. Raises ValueError when it was sealed with another key."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(token.encode()).decode()
        except InvalidToken:
            raise ValueError("was sealed with another LLMFLOW_SECRET_KEY; give it again") from None


class SealedReferences:
    """What texts of such an entry stand for, which may refer to variables (but LLMFlow's own) and to sealed secrets.

    Without `variables`, those of the exporter are not known, and stand for some text. Raises ValueError like
    `references.resolved`.
    """

    def __init__(self, box: SecretBox | None, variables: Mapping[str, str] | None = None) -> None:
        self._box = box
        self._variables = variables

    def __call__(self, text: str) -> str:
        return REFERENCE.sub(self._value, text)

    def _value(self, reference: re.Match[str]) -> str:
        kind, name = reference.groups()
        if kind == "sealed":
            if self._box is None:
                raise ValueError("is sealed, and LLMFLOW_SECRET_KEY is not set")
            return self._box.open(name)
        if kind != "env":
            raise ValueError(f"${{{kind}:...}} is no reference here: use ${{env:NAME}}")
        if _OWN_VARIABLES.fullmatch(name):
            raise ValueError(f"{name} is LLMFlow's own and cannot be referred to")
        if self._variables is None:
            return "reference"
        if name not in self._variables:
            raise ValueError(f"the exporter has no variable {name}")
        return self._variables[name]


def exporter_references(box: SecretBox | None) -> SealedReferences:
    """What texts stand for in the exporter."""
    return SealedReferences(box, os.environ)


def sealed(entry: Mapping[str, Any], box: SecretBox | None, before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """`entry` as it is stored: its secrets sealed, and each `HIDDEN` replaced by what the stored entry `before` has.

    Raises Rejected that names the field of a secret that cannot be sealed or is not there, and for an endpoint that
    holds one: what is to be seen and what is not must be apart.
    """

    def seal(place: Place, text: str) -> str:
        field = ".".join(place)
        if "${sealed:" in text:
            raise Rejected("must be the secret itself", field=field)
        if place == ("endpoint",) and _holds_secrets(text):
            raise Rejected("may hold no user and no query here: put keys into auth or headers", field=field)
        if not _is_secret(place) or REFERENCE.search(text):
            return text
        if text == HIDDEN:
            kept = _at(before, place)
            if kept is None:
                raise Rejected("must be given", field=field)
            return kept
        if box is None:
            raise Rejected(_NO_KEY, field=field)
        return box.seal(text)

    return _each_text(entry, seal)


def shown(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A stored entry without its secrets; references to variables are none."""
    return _each_text(entry, lambda _, text: HIDDEN if "${sealed:" in text else text)


def hides(entry: Mapping[str, Any]) -> bool:
    """Whether `entry` has `HIDDEN` in it."""
    return _each_text(entry, lambda _, text: "" if text == HIDDEN else text) != entry


def _each_text(entry: Mapping[str, Any], change: Callable[[Place, str], str]) -> dict[str, Any]:
    def changed(place: Place, value: Any) -> Any:
        match value:
            case str():
                return change(place, value)
            case Mapping():
                return {name: changed((*place, str(name)), item) for name, item in value.items()}
            case list():
                return [changed((*place, str(number)), item) for number, item in enumerate(value)]
            case _:
                return value

    return {name: changed((name,), item) for name, item in entry.items()}


def _is_secret(place: Place) -> bool:
    match place:
        case ("headers", _) | ("auth", "bearer") | ("auth", "basic", "password") | ("auth", "header", "value"):
            return True
        case ("options", name):
            return name in SECRET_OPTIONS
        case _:
            return False


def _holds_secrets(endpoint: str) -> bool:
    parts = urlsplit(REFERENCE.sub("", endpoint))
    return "@" in parts.netloc or bool(parts.query)


def _at(entry: Mapping[str, Any] | None, place: Place) -> str | None:
    found: Any = entry
    for name in place:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else None
