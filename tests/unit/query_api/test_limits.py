"""Places for heavy requests."""

from __future__ import annotations

import asyncio

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from llmflow_core.errors import Retryable
from llmflow_query_api.limits import HEAVY, Limits


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


@pytest.mark.parametrize(
    ("path", "heavy"),
    [
        ("/api/v1/traces", True),
        ("/api/v1/spans", True),
        ("/api/traces?service=shop", True),
        ("/api/v1/projects", False),
        (f"/api/v1/traces/{'0' * 31}1", False),
    ],
)
async def test_heavy_requests_take_places_and_others_do_not(
    client: AsyncTestClient[Litestar], path: str, heavy: bool
) -> None:
    client.app.state.limits = limits = Limits({HEAVY: 1}, patience_seconds=0.01)
    assert (await client.get(path)).status_code in (200, 404)
    async with limits.slot(HEAVY):
        answer = await client.get(path)
    assert (answer.status_code == 503) is heavy
    assert ("retry-after" in answer.headers) is heavy
    # The place has been given back.
    assert (await client.get(path)).status_code in (200, 404)
