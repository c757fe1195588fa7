"""What every `Store` promises of saved views. A subclass of `ViewsContract` in a test module runs on every kind of
database."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from llmflow_store import Store
from llmflow_store.administration import Actor
from llmflow_store.views import SavedView
from llmflow_testkit.store_suite import StoreSuite

SLOW = SavedView(
    project="shop", id="1", page="traces", name="Slow", search={"filter": "duration:>5s", "range": "24h"}, author="ada"
)


class ViewsContract(StoreSuite):
    """The suite."""

    async def test_views_are_kept_by_project_in_order(self, store: Store) -> None:
        others = [
            replace(SLOW, id="2", page="spans"),
            replace(SLOW, id="3", name="Failed", search={}),
            replace(SLOW, project="other"),
        ]
        for view in (SLOW, *others):
            assert await store.save_view(view)
        assert await store.list_views("shop") == [others[0], others[1], SLOW]
        assert await store.list_views("other") == [others[2]]
        assert await store.list_views("none") == []

    async def test_a_view_takes_the_place_of_the_one_with_its_id(self, store: Store) -> None:
        changed = replace(SLOW, name="Very slow", search={"filter": "duration:>1m"}, author="bob")
        await store.save_view(SLOW)
        assert await store.save_view(changed)
        assert await store.list_views("shop") == [changed]

    async def test_a_list_has_one_view_of_a_name(self, store: Store) -> None:
        await store.save_view(SLOW)
        assert not await store.save_view(replace(SLOW, id="2", is_default=True, author="bob"))
        assert await store.list_views("shop") == [SLOW]
        assert await store.save_view(replace(SLOW, id="2", page="spans"))

    async def test_a_list_has_one_default(self, store: Store) -> None:
        views = [replace(SLOW, id=str(n), name=str(n), is_default=True) for n in range(4)]
        elsewhere = replace(SLOW, id="5", page="spans", is_default=True)
        await store.save_view(elsewhere)
        assert all(await asyncio.gather(*(store.save_view(view) for view in views)))
        kept = await store.list_views("shop")
        assert len(kept) == 5
        assert sorted(view.page for view in kept if view.is_default) == ["spans", "traces"]

    async def test_a_view_is_deleted_alone_or_with_its_project(self, store: Store) -> None:
        await store.save_view(SLOW)
        await store.save_view(replace(SLOW, project="other"))
        assert not await store.delete_view("shop", "2")
        assert await store.delete_view("shop", "1")
        assert await store.list_views("shop") == []
        await store.delete_project("other", by=Actor("test"))
        assert await store.list_views("other") == []
