"""A changed LLMFLOW_SECRET_KEY: what is kept in the database stays readable, and soon needs the old key no more."""

from __future__ import annotations

from llmflow_core.destinations.secrets import SealedReferences, SecretBox, sealed
from llmflow_core.errors import Rejected
from llmflow_query_api.alerting.channels import Address, open_address, seal
from llmflow_query_api.resealing import reseal, resealing
from llmflow_store import Store
from llmflow_store.administration import Actor
from llmflow_store.alerts import Channel
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
