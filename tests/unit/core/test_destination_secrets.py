"""Secrets of destinations that are added over the API: what is stored of them, what is shown, what they stand for."""

from __future__ import annotations

from typing import Any

import pytest

from llmflow_core.destinations.presets import PRESETS, SECRET_OPTIONS
from llmflow_core.destinations.reading import EntryReader
from llmflow_core.destinations.secrets import HIDDEN, SealedReferences, SecretBox, hides, sealed, shown
from llmflow_core.errors import Rejected

BOX = SecretBox("k" * 32)
ENTRY: dict[str, Any] = {
    "name": "backend",
    "endpoint": "http://backend:4318",
    "headers": {"x-key": "s3cret-1", "x-reference": "Bearer ${env:KEY}"},
    "auth": {"basic": {"username": "ada", "password": "s3cret-2"}},
    "filter": {"services": ["web"]},
}


def test_secrets_are_sealed_hidden_and_opened() -> None:
    stored = sealed(ENTRY, BOX)
    assert "s3cret" not in str(stored)
    assert not hides(stored)
    seen = shown(stored)
    assert seen["headers"] == {"x-key": HIDDEN, "x-reference": "Bearer ${env:KEY}"}
    assert seen["auth"] == {"basic": {"username": "ada", "password": HIDDEN}}
    assert seen["filter"] == ENTRY["filter"]
    assert hides(seen)
    destination = EntryReader(SealedReferences(BOX, {"KEY": "k-3"})).read(stored)
    assert destination is not None
    assert destination.headers == {
        "authorization": "Basic YWRhOnMzY3JldC0y",
        "x-key": "s3cret-1",
        "x-reference": "Bearer k-3",
    }


def test_what_is_sent_back_hidden_stays() -> None:
    stored = sealed(ENTRY, BOX)
    again = sealed({**shown(stored), "auth": {"bearer": "s3cret-4"}}, BOX, stored)
    assert again["headers"] == stored["headers"]
    assert SealedReferences(BOX)(again["auth"]["bearer"]) == "s3cret-4"
    with pytest.raises(Rejected) as caught:
        sealed({"headers": {"x-other": HIDDEN}}, BOX, stored)
    assert caught.value.field == "headers.x-other"


@pytest.mark.parametrize(
    ("entry", "field", "said"),
    [
        ({"auth": {"bearer": "s3cret"}}, "auth.bearer", "set LLMFLOW_SECRET_KEY"),
        ({"options": {"api_key": "s3cret"}}, "options.api_key", "set LLMFLOW_SECRET_KEY"),
        ({"endpoint": "http://ada:s3cret@h"}, "endpoint", "put keys into auth or headers"),
        ({"endpoint": "http://h?key=s3cret"}, "endpoint", "put keys into auth or headers"),
        ({"options": {"project": "${sealed:abc}"}}, "options.project", "must be the secret itself"),
    ],
)
def test_what_cannot_be_kept_without_a_key(entry: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(Rejected, match=said) as caught:
        sealed(entry, None)
    assert caught.value.field == field
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SecretBox("other" * 8).seal("s3cret"), "another LLMFLOW_SECRET_KEY"),
        ("${sealed:nothing}", "another LLMFLOW_SECRET_KEY"),
        ("${file:/etc/passwd}", "is no reference here"),
        ("${env:LLMFLOW_KEYS_TOKEN}", "LLMFLOW_KEYS_TOKEN is LLMFlow's own"),
        ("${env:AUTH_PASSWORD}", "AUTH_PASSWORD is LLMFlow's own"),
        ("${env:ABSENT}", "no variable ABSENT"),
    ],
)
def test_references_that_lead_nowhere(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SealedReferences(BOX, {})(text)
    with pytest.raises(ValueError, match="LLMFLOW_SECRET_KEY is not set"):
        SealedReferences(None)(BOX.seal("s3cret"))


def test_every_option_that_is_a_secret_is_known_as_one() -> None:
    options = {name for preset in PRESETS.values() for name in preset.options}
    secret = {name for name in options if any(word in name for word in ("key", "secret", "token", "password"))}
    assert secret - {"public_key"} <= SECRET_OPTIONS
