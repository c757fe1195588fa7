"""A changed LLMFLOW_SECRET_KEY: what the old one has sealed in the database is sealed anew, beside the requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from llmflow_core.destinations.secrets import SecretBox, renewed
from llmflow_core.errors import Changed, LLMFlowError
from llmflow_store.administration import Actor
from llmflow_store.port import Store
from llmflow_store.versions import Precondition

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 5.0
#: Who the audit log says did it.
_ACTOR = Actor("LLMFlow")


@asynccontextmanager
async def resealing(store: Store, box: SecretBox) -> AsyncIterator[None]:
    """Reseal while the context is open, again and again until the database has it."""
    work = asyncio.create_task(_until_done(store, box))
    try:
        yield
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def reseal(store: Store, box: SecretBox) -> int:
    """Seal anew what the box's old key has sealed; return of how many destinations and channels. Raises Retryable."""
    count, seen = 0, False
    while not seen:
        seen = True
        for destination in await store.list_destinations():
            definition = renewed(destination.definition, box)
            if definition != destination.definition:
                try:
                    await store.change_destination(definition, by=_ACTOR, only_if=_as_seen(destination.version))
                    count += 1
                except Changed:
                    seen = False  # an edit of something else keeps its secrets as they are
        for channel in await store.list_channels():
            sealed = box.renewed(channel.sealed)
            if sealed != channel.sealed:
                try:
                    changed = replace(channel, sealed=sealed)
                    await store.save_channel(changed, by=_ACTOR, only_if=_as_seen(channel.version))
                    count += 1
                except Changed:
                    seen = False
    return count


async def _until_done(store: Store, box: SecretBox) -> None:
    while True:
        try:
            count = await reseal(store, box)
        except LLMFlowError as error:
            logger.warning("secrets cannot be encrypted anew now: %s", error)
            await asyncio.sleep(_PAUSE_SECONDS)
        else:
            logger.info(
                "the secrets of %d destinations and channels were encrypted anew; LLMFLOW_OLD_SECRET_KEY can go", count
            )
            return


def _as_seen(version: str) -> Precondition:
    return Precondition(match=frozenset({version}))
