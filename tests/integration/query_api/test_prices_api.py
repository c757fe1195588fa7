"""Own prices: set by the API or the writer's file, and used by the writer without a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from llmflow_core.errors import ConfigError
from llmflow_core.pricing import Prices
from llmflow_core.spans import Span
from llmflow_store import Store
from llmflow_testkit.polling import eventually
from llmflow_testkit.spans import make_generation
from llmflow_writer.price_list import PriceList, read_prices

_PRICE = {"model": "house-.*", "input": "2", "output": "8.50"}
_FILE = """\
prices:
  - {name: of-file, model: "house-.*", input: 1, output: 1}
  - {name: house, model: "never", input: 1, output: 1}
"""


@pytest.fixture
def client(client: httpx.AsyncClient) -> httpx.AsyncClient:
    client.base_url = httpx.URL("http://llmflow.test/api/v1")
    return client


def unpriced() -> Span:
    return make_generation(model="house-1", response_model=None, cost=None, input_cost=None, output_cost=None)


async def test_prices_are_set_shown_and_deleted(client: httpx.AsyncClient) -> None:
    saved = await client.put("/prices/house", json=_PRICE)
    assert saved.status_code == 200, saved.text
    listed = (await client.get("/prices", params={"model": "house-1"})).json()
    assert listed["prices"] == [saved.json()]
    assert listed["prices"][0]["price"]["output"] == "8.50"
    assert listed["in_use"] == {"source": "own:house", "rates": {"input": "2", "output": "8.50"}}
    known = (await client.get("/prices", params={"model": "gpt-4o", "provider": "openai"})).json()["in_use"]
    assert (known["source"], known["rates"]["input_mtok"]) == ("genai-prices", "2.5")
    assert (await client.get("/prices", params={"model": "unheard-of"})).json()["in_use"] is None

    for wrong, field in (
        ({"model": "("}, "model"),
        ({"provider": "\0"}, None),
        ({"input": "much"}, None),
        ({"from": "2026-01-01T00:00:00Z", "to": "2025-01-01T00:00:00Z"}, None),
    ):
        answer = await client.put("/prices/house", json={**_PRICE, **wrong})
        assert answer.status_code == 400, answer.text
        assert field is None or answer.json()["field"] == field
    assert (await client.delete("/prices/house")).status_code == 204
    assert (await client.delete("/prices/house")).status_code == 404
    audit = (await client.get("/audit")).json()["entries"]
    assert [(entry["action"], entry["subject"]) for entry in audit] == [
        ("price.delete", "house"),
        ("price.save", "house"),
    ]


async def test_the_writer_takes_prices_up_while_it_runs(
    client: httpx.AsyncClient, store: Store, tmp_path: Path
) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(_FILE)
    prices, stop = Prices(), asyncio.Event()
    price_list = PriceList(store, prices, file=file, seconds=0.05)
    await price_list.load(stop)
    running = asyncio.create_task(price_list.run(stop))

    def source() -> str | None:
        span = unpriced()
        prices.price(span)
        return span.price_source

    assert source() == "own:of-file"
    await client.put("/prices/house", json=_PRICE)

    async def by_the_api() -> bool:
        return source() == "own:house"

    await eventually(by_the_api, within=30)
    origins = [(entry["name"], entry["origin"]) for entry in (await client.get("/prices")).json()["prices"]]
    assert origins == [("house", "api"), ("of-file", "file")]

    # In the place of a price of the file while it was there.
    await client.put("/prices/of-file", json=_PRICE)
    await eventually(lambda: _listed(client, [("house", "api"), ("of-file", "api")]), within=30)
    await client.delete("/prices/of-file")
    await eventually(lambda: _listed(client, [("house", "api"), ("of-file", "file")]), within=30)

    # A file that states nothing leaves what there was; one that is right again counts.
    file.write_text("prices: 7")
    await client.delete("/prices/house")

    async def by_the_file() -> bool:
        return source() == "own:of-file"

    await eventually(by_the_file, within=30)
    file.write_text(_FILE.replace("of-file", "renamed"))

    async def renamed() -> bool:
        return source() == "own:renamed"

    await eventually(renamed, within=30)
    stop.set()
    await running

    span = unpriced()
    prices.price(span)
    await store.write_spans([span])
    shown = (await client.get(f"/traces/{span.trace_id.hex()}/spans/{span.span_id.hex()}")).json()
    assert (shown["price_source"], shown["span"]["cost"]) == ("own:renamed", "0.00154500000")


async def _listed(client: httpx.AsyncClient, expected: list[tuple[str, str]]) -> bool:
    prices = (await client.get("/prices")).json()["prices"]
    return [(entry["name"], entry["origin"]) for entry in prices] == expected


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    texts = ("prices: [", "prices: [{name: a}]", "- 1", "prices: [{from: 2026-02-30}]", f"prices: {'[' * 2000}")
    for text in texts:
        file.write_text(text)
        with pytest.raises(ConfigError, match="LLMFLOW_PRICES_FILE"):
            read_prices(file)
    with pytest.raises(ConfigError, match="No such file"):
        read_prices(tmp_path / "none.yaml")
