"""What every `Store` promises to editors who say which version they have seen. A subclass of `VersionsContract` in a
test module runs on every kind of database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from llmflow_core.errors import Changed
from llmflow_core.own_prices import OwnPrice
from llmflow_store import Store
from llmflow_store.administration import Actor
from llmflow_store.alerts import Alert, Channel
from llmflow_store.retention import RetentionOverride
from llmflow_store.versions import ANY_VERSION, Precondition
from llmflow_store.views import SavedView
from llmflow_testkit.spans import NOON
from llmflow_testkit.store_suite import StoreSuite

ANNA = Actor("anna")
ABSENT = Precondition(none_match=frozenset({ANY_VERSION}))
PRESENT = Precondition(match=frozenset({ANY_VERSION}))
RULE = Alert(id="rule-1", kind="rule", project="default", name="0", definition={"threshold": 0.1, "missing": "keep"})
CHANNEL = Channel(name="pager", kind="webhook", host="0", sealed="encrypted")
VIEW = SavedView(project="default", id="1", page="traces", name="0", search={"range": "24h"}, author="anna")


def seen(version: str | None) -> Precondition:
    """Of an editor who saw this version."""
    assert version is not None
    return Precondition(match=frozenset({version}))


@dataclass(frozen=True, kw_only=True)
class Thing:
    """Something that can be edited: each `edit` leaves a number in it, on a condition; `version` is None for none."""

    version: Callable[[Store], Awaitable[str | None]]
    edit: Callable[[Store, int, Precondition], Awaitable[object]]
    delete: Callable[[Store, Precondition], Awaitable[object]] | None = None
    #: Whether an edit makes one that is not there.
    makes: bool = True


async def _first(found: Awaitable[Sequence[Any]]) -> str | None:
    return next((one.version for one in await found), None)


async def _alert(store: Store) -> str | None:
    found = await store.get_alert(RULE.id)
    return None if found is None else found.version


async def _retention(store: Store) -> str | None:
    found = await store.get_retention("default")
    return None if found is None else found.version


def _own_price(number: int) -> OwnPrice:
    return OwnPrice(name="house", model="house-.*", input=Decimal(number), output=Decimal("2.50"))


def _definition(number: int) -> dict[str, Any]:
    return {"name": "tempo", "endpoint": "http://a", "sampling": number / 100, "auth": {"bearer": "${sealed:abc}"}}


THINGS = {
    "alert": Thing(
        version=_alert,
        edit=lambda store, n, only_if: store.save_alert(replace(RULE, name=str(n)), by=ANNA, only_if=only_if),
        delete=lambda store, only_if: store.delete_alert(RULE.id, [], by=ANNA, only_if=only_if),
    ),
    "channel": Thing(
        version=lambda store: _first(store.list_channels()),
        edit=lambda store, n, only_if: store.save_channel(replace(CHANNEL, host=str(n)), by=ANNA, only_if=only_if),
        delete=lambda store, only_if: store.delete_channel("pager", by=ANNA, only_if=only_if),
    ),
    "view": Thing(
        version=lambda store: _first(store.list_views("default")),
        edit=lambda store, n, only_if: store.save_view(replace(VIEW, name=str(n)), only_if=only_if),
        delete=lambda store, only_if: store.delete_view("default", "1", only_if=only_if),
    ),
    "price": Thing(
        version=lambda store: _first(store.list_prices()),
        edit=lambda store, n, only_if: store.save_price(_own_price(n), by=ANNA, only_if=only_if),
        delete=lambda store, only_if: store.delete_price("house", by=ANNA, only_if=only_if),
    ),
    "destination": Thing(
        version=lambda store: _first(store.list_destinations()),
        edit=lambda store, n, only_if: store.change_destination(_definition(n), by=ANNA, only_if=only_if),
        delete=lambda store, only_if: store.remove_destination("tempo", forget=False, by=ANNA, only_if=only_if),
        makes=False,
    ),
    "project": Thing(
        version=lambda store: _first(store.list_projects()),
        edit=lambda store, n, only_if: store.rename_project("default", str(n), by=ANNA, only_if=only_if),
        makes=False,
    ),
    "retention": Thing(
        version=_retention,
        edit=lambda store, n, only_if: store.set_retention(
            "default", RetentionOverride(spans=n), by=ANNA, only_if=only_if
        ),
        makes=False,
    ),
}


async def _outcomes(*edits: Awaitable[object]) -> tuple[int, int]:
    """How many were done and how many came too late."""
    results = await asyncio.gather(*edits, return_exceptions=True)
    late = [result for result in results if isinstance(result, Changed)]
    others = [result for result in results if isinstance(result, BaseException) and result not in late]
    assert others == []
    return len(results) - len(late), len(late)


class VersionsContract(StoreSuite):
    """The suite."""

    async def test_of_those_who_edit_at_once_what_they_have_seen_exactly_one_wins(self, store: Store) -> None:
        await store.add_destination(_definition(0), by=ANNA)
        for name, thing in THINGS.items():
            await thing.edit(store, 1, Precondition())
            first = await thing.version(store)
            edits = (thing.edit(store, number, seen(first)) for number in range(2, 7))
            assert (name, *await _outcomes(*edits)) == (name, 1, 4)
            second = await thing.version(store)
            assert second not in (first, None), name
            audited = await store.list_audit(limit=100)
            with pytest.raises(Changed):
                await thing.edit(store, 9, seen(first))
            with pytest.raises(Changed):
                await thing.edit(store, 9, ABSENT)
            assert await thing.version(store) == second, name
            assert await store.list_audit(limit=100) == audited
            await thing.edit(store, 9, seen(second))
            await thing.edit(store, 1, PRESENT)
            assert await thing.version(store) == first, name

    async def test_what_has_changed_is_not_deleted(self, store: Store) -> None:
        await store.add_destination(_definition(0), by=ANNA)
        for name, thing in THINGS.items():
            if thing.delete is None:
                continue
            await thing.edit(store, 1, Precondition())
            first = await thing.version(store)
            await thing.edit(store, 2, Precondition())
            second = await thing.version(store)
            with pytest.raises(Changed):
                await thing.delete(store, seen(first))
            assert await thing.version(store) == second, name
            assert await thing.delete(store, seen(second)) is not False, name
            assert await thing.version(store) is None, name
            assert await thing.delete(store, seen(second)) is False, name
            if thing.makes:
                with pytest.raises(Changed):
                    await thing.edit(store, 3, seen(second))
                with pytest.raises(Changed):
                    await thing.edit(store, 3, PRESENT)
                # Nobody chooses the id of an alert, so no two make the same.
                made = (thing.edit(store, number, ABSENT) for number in range(1 if name == "alert" else 4))
                assert (await _outcomes(*made))[0] == 1, name
            else:
                assert await thing.edit(store, 3, seen(second)) is None, name

    async def test_a_project_is_deleted_as_it_was_seen(self, store: Store) -> None:
        made = await store.create_project("shop", by=ANNA)
        assert made is not None
        await store.rename_project("shop", "The shop", by=ANNA)
        with pytest.raises(Changed):
            await store.delete_project("shop", by=ANNA, only_if=seen(made.version))
        assert len(await store.list_projects()) == 2
        await store.delete_project("shop", by=ANNA, only_if=PRESENT)
        assert len(await store.list_projects()) == 1
        with pytest.raises(Changed):
            await store.delete_project("shop", by=ANNA, only_if=PRESENT)

    async def test_what_is_no_edit_leaves_the_first(self, store: Store) -> None:
        saved = await store.save_alert(RULE, by=ANNA)
        assert saved is not None
        (claimed,) = await store.claim_alerts(limit=1, lease_seconds=60)
        states = {"default": {"": {"status": "firing"}}}
        assert await store.record_evaluation(claimed, states=states, events=[], due_seconds=60, error="late")
        silenced = await store.silence_alert(RULE.id, NOON, by=ANNA, only_if=seen(saved.version))
        assert silenced is not None
        assert silenced.version == saved.version
        with pytest.raises(Changed):
            await store.silence_alert(RULE.id, None, by=ANNA, only_if=seen("other"))
        assert await store.get_alert(RULE.id) == silenced

        await store.save_view(VIEW)
        await store.save_view(replace(VIEW, author="bert"), only_if=seen(VIEW.version))

    async def test_a_destination_is_paused_as_it_is_then(self, store: Store) -> None:
        made = await store.add_destination(_definition(1), by=ANNA)
        assert made is not None
        changes = [store.change_destination(_definition(n), by=ANNA) for n in (2, 3)]
        await asyncio.gather(*changes, store.pause_destination("tempo", paused=True, by=ANNA))
        paused = await store.pause_destination("tempo", paused=True, by=ANNA)
        assert paused is not None
        assert paused.definition["paused"] is True
        assert paused.definition["sampling"] in (0.02, 0.03)
        with pytest.raises(Changed):
            await store.pause_destination("tempo", paused=False, by=ANNA, only_if=seen(made.version))
        assert await store.pause_destination("absent", paused=True, by=ANNA) is None
