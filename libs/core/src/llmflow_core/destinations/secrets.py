"""Secrets of destinations that are added over the API: sealed where they are stored, opened where they are used.

A sealed secret is a reference like those of `references`, `${sealed:...}`, so that an entry keeps its form.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from llmflow_core.destinations.presets import SECRET_OPTIONS
from llmflow_core.destinations.references import REFERENCE
from llmflow_core.errors import Rejected

if TYPE_CHECKING:
    from cryptography.fernet import Fernet
    from pydantic import SecretStr

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
    """Seals secrets (Fernet: AES-128-CBC and HMAC-SHA256) with a key that is made of `passphrase`, and opens those too
    that were sealed with the one of `old`."""

    def __init__(self, passphrase: str, old: str | None = None) -> None:
        # Costs time and memory that a service without such secrets saves.
        from cryptography.fernet import MultiFernet

        self._present = _fernet(passphrase)
        self._any = MultiFernet([self._present] if old is None else [self._present, _fernet(old)])

    def seal(self, secret: str) -> str:
        """The reference that stands for `secret`."""
        return f"${{sealed:{self._present.encrypt(secret.encode()).decode()}}}"

    def open(self, token: str) -> str:
        """The secret that a reference holds. Raises ValueError when it was sealed with another key."""
        from cryptography.fernet import InvalidToken

        try:
            return self._any.decrypt(token.encode()).decode()
        except InvalidToken:
            raise ValueError("was sealed with another LLMFLOW_SECRET_KEY; give it again") from None

    def renewed(self, text: str) -> str:
        """`text` with the secrets in it that the old key has sealed sealed anew; what neither key opens stays."""
        from cryptography.fernet import InvalidToken

        def renew(reference: re.Match[str]) -> str:
            kind, token = reference.groups()
            if kind != "sealed":
                return reference[0]
            try:
                self._present.decrypt(token.encode())
            except InvalidToken:
                with contextlib.suppress(ValueError):
                    return self.seal(self.open(token))
            return reference[0]

        return REFERENCE.sub(renew, text)


def secret_box(key: SecretStr | None, old: SecretStr | None) -> SecretBox | None:
    """The box of the settings LLMFLOW_SECRET_KEY and LLMFLOW_OLD_SECRET_KEY; None without the former."""
    return SecretBox(key.get_secret_value(), old.get_secret_value() if old else None) if key else None


def _fernet(passphrase: str) -> Fernet:
    from cryptography.fernet import Fernet
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    key = HKDF(SHA256(), 32, None, b"llmflow destinations").derive(passphrase.encode())
    return Fernet(base64.urlsafe_b64encode(key))


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


def renewed(entry: Mapping[str, Any], box: SecretBox) -> dict[str, Any]:
    """A stored entry with `SecretBox.renewed` secrets."""
    return _each_text(entry, lambda _, text: box.renewed(text))


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
