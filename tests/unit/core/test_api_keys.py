"""The form of API keys, where requests carry them, and what a snapshot of them allows."""

from __future__ import annotations

import base64
import json
import time

import pytest

from llmflow_core.api_keys import SCOPES, ApiKey, KeyRing, credential, digest_of, is_key, new_key


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def test_keys_are_long_random_and_tell_keys_from_ids() -> None:
    made = [new_key() for _ in range(100)]
    assert len({part for pair in made for part in pair}) == 200
    assert all(is_key(key) and not is_key(public_id) for key, public_id in made)
    assert all(public_id.startswith("lf-pk-") for _, public_id in made)
    assert len(base64.urlsafe_b64decode(made[0][0].removeprefix("lf-sk-") + "=")) == 32


@pytest.mark.parametrize("text", ["", "lf-sk-", "lf-sk-short", "sk-proj-" + "a" * 43, "lf-sk-" + "a" * 42 + "\n"])
def test_other_texts_are_no_keys(text: str) -> None:
    assert not is_key(text)


def test_a_key_is_found_wherever_clients_put_it() -> None:
    key, public_id = new_key()
    for headers in (
        {"authorization": f"Bearer {key}"},
        {"authorization": f"bearer  {key}"},
        {"authorization": key},
        {"authorization": basic(public_id, key)},
        {"authorization": basic("anything", key)},
        {"x-api-key": key},
        {"x-llmflow-key": key},
        {"authorization": basic("ingress", "its password"), "x-llmflow-key": key},
        {"authorization": "Bearer of-somebody-else", "x-api-key": key},
        {"x-llmflow-key": key, "authorization": f"Bearer {new_key()[0]}"},
    ):
        assert credential(headers) == key, headers


def test_what_is_no_key_is_left_to_the_caller() -> None:
    assert credential({"authorization": "Bearer other"}) == "other"
    assert credential({"authorization": basic("llmflow", "pass:word")}) == "pass:word"
    for value in ("", "Basic ???", "Basic " + "a" * 5000, "Digest username=x", basic("llmflow", ""), "Bearer "):
        assert credential({"authorization": value}) is None
    assert credential({}) is None


def test_a_ring_allows_what_the_key_may_in_its_project() -> None:
    key, public_id = new_key()
    ring = KeyRing([ApiKey(id=public_id, digest=digest_of(key), project="shop", scopes=frozenset({"ingest"}))])
    assert [ring.allows(key, scope) for scope in SCOPES] == [None, None, "shop"]
    assert ring.allows(new_key()[0], "ingest") is None
    assert ring.allows(public_id, "ingest") is None


def test_an_expired_key_is_unknown() -> None:
    key, public_id = new_key()
    found = []
    for expires_at in (time.time() - 1, time.time() + 60):
        scopes = frozenset(SCOPES)
        api_key = ApiKey(id=public_id, digest=digest_of(key), project="a", scopes=scopes, expires_at=expires_at)
        found.append(KeyRing([api_key]).find(key))
    assert found[0] is None
    assert found[1] is not None


def test_a_ring_survives_json_without_the_keys() -> None:
    keys = [new_key() for _ in range(3)]
    ring = KeyRing(
        ApiKey(id=public_id, digest=digest_of(key), project=f"p{n}", scopes=frozenset({"read"}), expires_at=2e9 + n)
        for n, (key, public_id) in enumerate(keys)
    )
    text = json.dumps(ring.document())
    assert not any(key in text for key, _ in keys)
    again = KeyRing.from_document(json.loads(text))
    assert [again.allows(key, "read") for key, _ in keys] == ["p0", "p1", "p2"]
    assert again.document() == ring.document()


def test_scopes_of_a_newer_version_are_left_out() -> None:
    key, public_id = new_key()
    entry = {"id": public_id, "digest": digest_of(key).hex(), "project": "a", "scopes": ["read", "paint"]}
    found = KeyRing.from_document({"keys": [entry | {"expires_at": None}]}).find(key)
    assert found is not None
    assert found.scopes == {"read"}
