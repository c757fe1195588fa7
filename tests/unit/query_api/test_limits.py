"""Places for heavy requests."""

from __future__ import annotations

import asyncio

import pytest

from llmflow_core.errors import Retryable
from llmflow_query_api.limits import Limits


async def test_who_finds_no_place_waits_and_is_then_told_to_come_back() -> None:
    limits = Limits({"heavy": 1}, patience_seconds=0.01)
    async with limits.slot("heavy"):
        with pytest.raises(Retryable) as refused:
            async with limits.slot("heavy"):
                pass
        assert refused.value.retry_after
    patient = Limits({"heavy": 1}, patience_seconds=10)
    async with patient.slot("heavy"):
        second = asyncio.ensure_future(patient.slot("heavy").__aenter__())
        await asyncio.sleep(0)
        assert not second.done()
    await second
