"""The writer's process: the loop, with the search index, retention, rollups of users and the health port beside it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from llmflow_bus import Bus, open_bus
from llmflow_core.pricing import Prices
from llmflow_store import Store, open_store
from llmflow_writer.indexer import SearchIndexer
from llmflow_writer.loop import WriterLoop
from llmflow_writer.price_list import PriceList
from llmflow_writer.retention import RetentionWorker
from llmflow_writer.settings import WriterSettings
from llmflow_writer.user_rollups import UserRollups


async def run(
    settings: WriterSettings, stop: asyncio.Event, *, bus: Bus | None = None, store: Store | None = None
) -> None:
    """Write until `stop` is set. `bus` and `store` replace those that the settings name. Ready is: both answer; topics
    that are missing are named beside it."""
    async with AsyncExitStack() as stack:
        store = store or open_store(settings.database_url, max_size=2)
        stack.push_async_callback(store.close)
        bus = bus or open_bus(settings.bus_url)
        stack.push_async_callback(bus.close)
        prices = Prices()
        loop = WriterLoop(bus, store, prices, settings)
        if settings.health_port:
            from llmflow_core.health_server import health_server  # costs memory that a writer without it saves

            checks = {"log": bus.healthy, "database": store.healthy}
            problems = {"missing_topics": lambda: loop.missing_topics}
            await stack.enter_async_context(
                health_server(checks, host=settings.host, port=settings.health_port, problems=problems)
            )
        price_list = PriceList(store, prices, file=settings.prices_file, seconds=settings.prices_reload_seconds)
        await price_list.load(stop)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(price_list.run(stop))
            tasks.create_task(loop.run(stop))
            tasks.create_task(SearchIndexer(store).run(stop))
            tasks.create_task(RetentionWorker(store, settings).run(stop))
            tasks.create_task(UserRollups(store).run(stop))
