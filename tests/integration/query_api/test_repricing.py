"""Pricing stored spans again: spans, trace summaries and rollups stay one, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import httpx
import pytest

from llmflow_core.own_prices import own_price
from llmflow_core.pricing import Prices
from llmflow_core.spans import Span
from llmflow_query_api.app import create_app
from llmflow_query_api.settings import QueryApiSettings
from llmflow_store import Store
from llmflow_store.administration import Actor
from llmflow_testkit.polling import eventually
from llmflow_testkit.recount import assert_rollups_match
from llmflow_testkit.spans import NOON, random_spans

_USER = ("llmflow", "a long password")
_RANGE = (NOON - timedelta(hours=1), NOON + timedelta(hours=1))
_WAITS = """
SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')
"""
_HOUSE = own_price({"name": "house", "model": "house-.*", "input": "2", "output": "8"})


@pytest.fixture
def database_url(migrated_database_url: str) -> str:
    """Once on each kind of database."""
    return migrated_database_url


def some_spans(seed: int, count: int, project: str = "default") -> list[Span]:
    """As a writer without own prices would store them: priced, unpriced, and with costs of their own."""
    rng = random.Random(seed)
    spans = []
    for span in random_spans(rng, count, project=project, traces=6):
        house = rng.random() < 0.5
        span = replace(span, model="house-1" if house else span.model, response_model=None, reasoning_tokens=None)
        if rng.random() < 0.8:
            span.cost = None
        Prices().price(span)
        spans.append(span)
    return spans


async def reprice(store: Store, prices: Prices, limit: int, project: str = "default") -> tuple[int, int]:
    """All portions; how many spans were looked at and changed."""
    examined, changed, after = 0, 0, None
    while True:
        done = await store.reprice(prices, project, *_RANGE, after=after, limit=limit)
        examined, changed, after = examined + done.examined, changed + done.changed, done.next
        if after is None:
            return examined, changed


async def test_everything_is_corrected_once(store: Store, database_url: str) -> None:
    spans = some_spans(1, 60)
    await store.write_spans(spans)
    await store.write_spans(some_spans(2, 20, project="other"))
    prices = Prices([_HOUSE])
    expected = {}
    for span in spans:
        new = replace(span)
        prices.price(new)
        expected[span.span_id] = new.cost
    changing = sum(span.cost != expected[span.span_id] for span in spans)
    assert changing > 5

    # The first portion is done twice, as by somebody who was interrupted.
    first = await store.reprice(prices, "default", *_RANGE, limit=25)
    assert (first.examined, first.next is None) == (25, False)
    examined, changed = await reprice(store, prices, limit=25)
    assert (examined, first.changed + changed) == (60, changing)
    assert await assert_rollups_match(database_url, totals=False) == 80
    stored = {
        span.span_id: found.cost
        for span in spans
        if (found := await store.get_span("default", span.trace_id, span.span_id)) is not None
    }
    assert stored == expected
    assert await reprice(store, prices, limit=25) == (60, 0)

    # Another rate corrects those costs that prices have made, and no others; none takes a cost away.
    dearer = own_price({"name": "house", "model": "house-.*", "input": "20", "output": "80"})
    assert (await reprice(store, Prices([dearer]), limit=25))[1] == changing
    await assert_rollups_match(database_url, totals=False)
    assert (await reprice(store, Prices(), limit=25))[1] == 0


async def test_writers_go_on_meanwhile(store: Store, database_url: str) -> None:
    await store.write_spans(some_spans(3, 60))
    prices = Prices([_HOUSE])

    async def write() -> None:
        for seed in range(10, 16):
            await store.write_spans(some_spans(seed, 20))

    await asyncio.gather(write(), reprice(store, prices, limit=10), reprice(store, prices, limit=7))
    assert await assert_rollups_match(database_url, totals=False) == 180
    await reprice(store, prices, limit=100)
    await assert_rollups_match(database_url, totals=False)


async def test_administrators_reprice_over_http(store: Store, database_url: str) -> None:
    await store.write_spans(some_spans(4, 40))
    await store.save_price(_HOUSE, by=Actor("test"))
    app: Any = create_app(QueryApiSettings(auth_password=_USER[1], host="127.0.0.1"), store=store)
    body = {"project": "default", "from": _RANGE[0].isoformat(), "to": _RANGE[1].isoformat()}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://llmflow.test/api/v1", auth=_USER
    ) as client:
        answer = await client.post("/prices/reprice", json=body)
        assert answer.status_code == 200, answer.text
        done = answer.json()
        assert (done["examined"], done["next_cursor"]) == (40, None)
        assert done["changed"] > 0
        assert (await client.post("/prices/reprice", json=body)).json()["changed"] == 0
        wrong = await client.post("/prices/reprice", json={**body, "to": body["from"]})
        assert (wrong.status_code, wrong.json()["field"]) == (400, "to")
        model = (await client.get("/models", params={"from": body["from"], "to": body["to"]})).json()["models"]
        house = [entry for entry in model if entry["model"] == "house-1"]
        assert all(entry["usage"]["unpriced_count"] == 0 for entry in house)
        assert sum(Decimal(entry["usage"]["cost"]) for entry in house) > 0
        audit = (await client.get("/audit")).json()["entries"]
        assert [entry["action"] for entry in audit] == ["price.reprice", "price.reprice", "price.save"]
    await assert_rollups_match(database_url, totals=False)


async def test_retention_is_neither_held_up_nor_in_the_way(store: Store, database_url: str) -> None:
    """Retention takes a trace before its spans, and has the trace when repricing begins."""
    await store.write_spans(some_spans(5, 20))
    connection = await asyncpg.connect(database_url)

    async def repricing_waits() -> bool:
        return bool(await connection.fetchval(_WAITS))

    try:
        async with connection.transaction():
            await connection.execute("SELECT FROM traces FOR UPDATE")
            repricing = asyncio.create_task(reprice(store, Prices([_HOUSE]), limit=100))
            await eventually(repricing_waits, within=30)
            await connection.execute("UPDATE spans SET name = name")
        assert (await repricing)[1] > 0
    finally:
        await connection.close()
    await assert_rollups_match(database_url, totals=False)
