"""A changed LLMFLOW_SECRET_KEY: what is kept in the database stays readable, and soon needs the old key no more."""

from __future__ import annotations

from typing import Any, cast

from llmflow_core.destinations.secrets import HIDDEN, SealedReferences, SecretBox, sealed
from llmflow_core.errors import Rejected
from llmflow_query_api.alerting.channels import Address, open_address, seal
from llmflow_query_api.destination_schemas import DestinationAuth, DestinationDefinition
from llmflow_query_api.destinations import _stored_form
from llmflow_query_api.resealing import reseal, resealing
from llmflow_store import Store
from llmflow_store.administration import Actor
from llmflow_store.alerts import Channel
from llmflow_store.destinations import KeptDestination
from llmflow_testkit.polling import eventually

ANNA = Actor("anna")
OLD, NEW = "an old key" * 2, "a new key" * 2
PAGER = Address(url="https://pager.example/hook", secret=None)


async def test_secrets_are_encrypted_anew_once_with_the_new_key(store: Store) -> None:
    old, both, new = SecretBox(OLD), SecretBox(NEW, OLD), SecretBox(NEW)
    plain = {"name": "tempo", "endpoint": "http://tempo:4318", "auth": {"bearer": "s3cret"}}
    await store.add_destination(sealed(plain, old), by=ANNA)
    await store.add_destination({**plain, "name": "open", "auth": {"bearer": "${env:KEY}"}}, by=ANNA)
    await store.save_channel(
        Channel(name="pager", kind="webhook", host="pager.example", sealed=seal(PAGER, old)), by=ANNA
    )
    stranger = Channel(name="lost", kind="webhook", host="lost.example", sealed=seal(PAGER, SecretBox("forgotten" * 2)))
    await store.save_channel(stranger, by=ANNA)

    async def opened_by(box: SecretBox) -> bool:
        definition = {one.name: one.definition for one in await store.list_destinations()}["tempo"]
        channel = {one.name: one for one in await store.list_channels()}["pager"]
        try:
            return (
                SealedReferences(box)(str(definition["auth"])) == str(plain["auth"])
                and open_address(channel, box) == PAGER
            )
        except (ValueError, Rejected):
            return False

    assert [await opened_by(box) for box in (old, both, new)] == [True, True, False]
    async with resealing(store, both):
        await eventually(lambda: opened_by(new), within=30)
    assert [await opened_by(box) for box in (old, both)] == [False, True]
    assert stranger in await store.list_channels()
    assert (await store.list_destinations())[0].definition["auth"] == {"bearer": "${env:KEY}"}
    assert await reseal(store, both) == 0
    actions = [entry.action for entry in await store.list_audit(limit=20)]
    assert [actions.count(action) for action in ("destination.change", "channel.save")] == [1, 3]


class Edited:
    """A store in which somebody pauses a destination right after it was looked at for the first time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._looked = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def list_destinations(self) -> list[KeptDestination]:
        found = list(await self._store.list_destinations())
        if not self._looked:
            self._looked = True
            await self._store.pause_destination(found[0].name, paused=True, by=ANNA)
        return found


async def test_what_is_edited_meanwhile_is_encrypted_anew_too(store: Store) -> None:
    plain = {"name": "tempo", "endpoint": "http://tempo:4318", "auth": {"bearer": "s3cret"}}
    await store.add_destination(sealed(plain, SecretBox(OLD)), by=ANNA)
    assert await reseal(cast(Store, Edited(store)), SecretBox(NEW, OLD)) == 1
    (kept,) = await store.list_destinations()
    assert kept.definition["paused"] is True
    assert SealedReferences(SecretBox(NEW))(str(kept.definition["auth"])) == str(plain["auth"])


def test_a_secret_that_stays_in_an_edit_does_not_come_back_under_the_old_key() -> None:
    before = sealed({"name": "tempo", "endpoint": "http://tempo:4318", "auth": {"bearer": "s3cret"}}, SecretBox(OLD))
    edit = DestinationDefinition(
        name="tempo", endpoint="http://tempo:4318", auth=DestinationAuth(bearer=HIDDEN), sampling=0.5
    )
    stored = _stored_form(edit, SecretBox(NEW, OLD), before)
    assert SealedReferences(SecretBox(NEW))(str(stored["auth"])) == "{'bearer': 's3cret'}"
