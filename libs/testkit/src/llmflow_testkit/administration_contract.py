"""What every `Administration` promises. A subclass gives `store`, a fixture with an empty store."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from llmflow_core.api_keys import ApiKey, Scope, digest_of, new_key
from llmflow_store import Store
from llmflow_store.administration import Actor
from llmflow_testkit.spans import make_generation

ANNA = Actor("anna", "192.0.2.7")
BERT = Actor("bert")


def api_key(project: str = "default", *scopes: Scope, expires_at: float | None = None) -> ApiKey:
    """A new key of a project."""
    key, key_id = new_key()
    return ApiKey(
        id=key_id, digest=digest_of(key), project=project, scopes=frozenset(scopes or ("read",)), expires_at=expires_at
    )


class AdministrationContract:
    """The suite."""

    async def test_projects_are_made_named_and_listed(self, store: Store) -> None:
        made = await store.create_project("shop", title="The shop", by=ANNA)
        assert made is not None
        assert (made.name, made.title) == ("shop", "The shop")
        assert abs(made.created_at - datetime.now(UTC)) < timedelta(minutes=1)
        assert await store.create_project("shop", title="Another", by=ANNA) is None
        await store.write_spans([make_generation(project="arrived")])
        listed = await store.list_projects()
        assert [(project.name, project.title) for project in listed] == [
            ("default", ""),
            ("arrived", ""),
            ("shop", "The shop"),
        ]
        renamed = await store.rename_project("shop", "Shop 2", by=BERT)
        assert renamed == replace(made, title="Shop 2")
        assert await store.rename_project("absent", "x", by=BERT) is None
        assert (await store.list_projects())[2] == renamed

    async def test_a_deleted_project_takes_its_keys_along_and_the_default_one_stays(self, store: Store) -> None:
        for name in ("gone", "kept"):
            await store.create_project(name, by=ANNA)
        keys = {name: api_key(name) for name in ("gone", "kept", "default")}
        for key in keys.values():
            assert await store.create_key(key, name="k", by=ANNA)
        await store.write_spans([make_generation(project="gone"), make_generation()])
        assert await store.delete_project("gone", by=ANNA) == 1
        assert await store.use_key(keys["gone"].digest) is None
        assert [project.name for project in await store.list_projects()] == ["default", "kept"]
        assert await store.delete_project("default", by=ANNA) == 1
        assert [project.name for project in await store.list_projects()] == ["default", "kept"]
        assert await store.key_snapshot() == [keys["kept"]]

    async def test_a_key_is_kept_as_its_digest_and_found_by_it(self, store: Store) -> None:
        expires_at = float(round(time.time()) + 3600)
        key = api_key("default", "write", "read", expires_at=expires_at)
        record = await store.create_key(key, name="CI", by=ANNA)
        assert record is not None
        assert (record.id, record.project, record.name) == (key.id, "default", "CI")
        assert record.scopes == {"read", "write"}
        assert record.created_by == "anna"
        assert record.expires_at == datetime.fromtimestamp(expires_at, UTC)
        assert record.last_used_at is None
        assert await store.list_keys("default") == [record]
        assert await store.use_key(key.digest) == key
        assert await store.use_key(digest_of("lf-sk-other")) is None
        assert await store.key_snapshot() == [key]

    async def test_a_key_needs_its_project(self, store: Store) -> None:
        assert await store.create_key(api_key("absent"), name="k", by=ANNA) is None
        assert await store.list_keys("absent") == []

    async def test_keys_are_listed_by_project_in_their_order(self, store: Store) -> None:
        await store.create_project("other", by=ANNA)
        mine = [api_key() for _ in range(3)]
        for key in (*mine, api_key("other")):
            await store.create_key(key, name="k", by=ANNA)
        assert [record.id for record in await store.list_keys("default")] == [key.id for key in mine]
        assert len(await store.key_snapshot()) == 4

    async def test_a_revoked_key_is_gone_but_only_by_its_own_project(self, store: Store) -> None:
        await store.create_project("other", by=ANNA)
        key = api_key("other")
        await store.create_key(key, name="k", by=ANNA)
        assert not await store.revoke_key("default", key.id, by=ANNA)
        assert await store.use_key(key.digest) == key
        assert await store.revoke_key("other", key.id, by=ANNA)
        assert not await store.revoke_key("other", key.id, by=ANNA)
        assert await store.use_key(key.digest) is None
        assert await store.list_keys("other") == []

    async def test_an_expired_key_is_listed_and_nothing_else(self, store: Store) -> None:
        key = api_key(expires_at=time.time() - 1)
        await store.create_key(key, name="old", by=ANNA)
        assert [record.name for record in await store.list_keys("default")] == ["old"]
        assert await store.use_key(key.digest) is None
        assert await store.key_snapshot() == []

    async def test_uses_are_noted_coarsely(self, store: Store) -> None:
        keys = [api_key() for _ in range(3)]
        for key in keys:
            await store.create_key(key, name="k", by=ANNA)
        await store.use_key(keys[0].digest)
        await store.note_used_keys([keys[1].id, "lf-pk-gone"])
        first = [record.last_used_at for record in await store.list_keys("default")]
        assert first[0] is not None
        assert first[1] is not None
        assert first[2] is None
        await asyncio.gather(*(store.use_key(keys[0].digest) for _ in range(5)))
        assert [record.last_used_at for record in await store.list_keys("default")] == first

    async def test_every_change_is_in_the_audit_log(self, store: Store) -> None:
        await store.create_project("shop", title="S", by=ANNA)
        await store.create_project("shop", by=BERT)
        await store.rename_project("shop", "T", by=BERT)
        key = api_key("shop", "ingest")
        await store.create_key(key, name="CI", by=ANNA)
        await store.revoke_key("shop", "lf-pk-absent", by=BERT)
        await store.revoke_key("shop", key.id, by=BERT)
        await store.delete_project("shop", by=ANNA)
        entries = await store.list_audit(limit=50)
        assert [(entry.action, entry.actor, entry.project, entry.subject, entry.detail) for entry in entries] == [
            ("project.delete", ANNA, "shop", "shop", {"spans": 0}),
            ("key.revoke", BERT, "shop", key.id, {"name": "CI"}),
            ("key.create", ANNA, "shop", key.id, {"name": "CI", "scopes": ["ingest"], "expires_at": None}),
            ("project.rename", BERT, "shop", "shop", {"title": "T"}),
            ("project.create", ANNA, "shop", "shop", {"title": "S"}),
        ]
        assert all(abs(entry.at - datetime.now(UTC)) < timedelta(minutes=1) for entry in entries)

    async def test_the_audit_log_is_read_in_pages_and_by_project(self, store: Store) -> None:
        for number in range(5):
            project = "shop" if number % 2 else None
            await store.append_audit("price.set", by=ANNA, project=project, subject=f"s{number}", detail={"n": number})
        first = await store.list_audit(limit=3)
        rest = await store.list_audit(limit=3, before=first[-1].id)
        assert [entry.detail["n"] for entry in (*first, *rest)] == [4, 3, 2, 1, 0]
        assert [entry.subject for entry in await store.list_audit(limit=9, project="shop")] == ["s3", "s1"]
