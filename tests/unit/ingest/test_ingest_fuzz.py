"""Whatever bytes come: a clean answer, no crash, no neighbour lost.

`test_fuzz` is the fuzz target: its own loop of mutations, for LLMFLOW_FUZZ_SECONDS (2), the same from the start of each
run unless LLMFLOW_FUZZ_SEED (1) gives another seed.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import random
import time
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
import pytest
import zstandard
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from hypothesis import given, settings
from hypothesis import strategies as st

from llmflow_ingest.bodies import Encoding
from llmflow_ingest.signals import LOGS, METRICS, TRACES, Signal
from llmflow_testkit.ingest_in_memory import IngestInMemory
from llmflow_testkit.otlp_requests import logs_request, metrics_request, otlp_request
from llmflow_testkit.otlp_strategies import otlp_json

VALID: dict[Signal, Message] = {
    TRACES: otlp_request(range(1, 6)),
    METRICS: metrics_request(range(1, 30)),
    LOGS: logs_request(range(1, 6)),
}
ZIPKIN: list[dict[str, Any]] = [
    {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "id": f"{number:x}",
        "kind": "SERVER",
        "timestamp": 1_700_000_000_000_000,
        "duration": 7,
        "tags": {"a": "b", "error": ""},
        "annotations": [{"timestamp": 1_700_000_000_000_000, "value": '"e": {"k": 1}'}],
        "localEndpoint": {"serviceName": "app", "ipv4": "127.0.0.1", "port": 80},
        "shared": True,
    }
    for number in range(1, 4)
]
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": partial(gzip.compress, mtime=0),
    "deflate": zlib.compress,
    "zstd": zstandard.compress,
}
INGEST = IngestInMemory(record_bytes=700, ingest_max_body=100_000)  # some of the requests have to be split
each_signal = pytest.mark.parametrize("signal", VALID, ids=[signal.name for signal in VALID])
fuzz = settings(max_examples=100, deadline=None)


async def _check_protobuf(signal: Signal, body: bytes) -> None:
    headers = {"content-type": "application/x-protobuf"}
    response, published = await INGEST.post(f"/v1/{signal.name}", body, headers)
    if response.status_code == 400:
        assert Status.FromString(response.content).message
        assert published == []
        return
    assert response.status_code == 200, response.content
    request, problems = signal.decode(body, Encoding.PROTOBUF)
    partial = signal.answer.FromString(response.content).partial_success
    assert getattr(partial, signal.rejected) == len(problems)
    assert {topic for topic, _ in published} <= {signal.topic}
    kept = signal.parse(b"".join(value for _, value in published))
    assert signal.count(kept) == signal.count(request)
    if signal.count(kept) and not problems and len(body) <= INGEST.record_bytes:
        assert [value for _, value in published] == [body]


async def _check_json(path: str, body: bytes, encoding: str = "identity") -> None:
    headers = {"content-type": "application/json", "content-encoding": encoding}
    response, published = await INGEST.post(path, body, headers)
    assert response.status_code in (200, 202, 400, 413), response.content
    if response.status_code in (400, 413):
        assert response.json()["message"]
        assert published == [] or path == "/api/v2/spans"


@st.composite
def _mutated(draw: st.DrawFn, valid: bytes) -> bytes:
    body = bytearray(valid)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 8)))
        body[start:end] = draw(st.binary(max_size=8))
    return bytes(body)


@each_signal
@given(data=st.data())
@fuzz
def test_mutated_protobuf(signal: Signal, data: st.DataObject) -> None:
    valid = VALID[signal].SerializeToString()
    asyncio.run(_check_protobuf(signal, data.draw(_mutated(valid) | st.binary(max_size=300))))


_json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def _mutated_json(draw: st.DrawFn, valid: bytes) -> bytes:
    document = orjson.loads(valid)
    places: list[tuple[Any, Any]] = []
    waiting: list[Any] = [document]
    while waiting:
        node = waiting.pop()
        for key, child in node.items() if isinstance(node, dict) else enumerate(node):
            places.append((node, key))
            if isinstance(child, dict | list):
                waiting.append(child)
    node, key = draw(st.sampled_from(places))
    node[key] = draw(_json_values)
    return json.dumps(document).encode()


JSON_BODIES = {f"/v1/{signal.name}": otlp_json(valid) for signal, valid in VALID.items()}
JSON_BODIES["/api/v2/spans"] = orjson.dumps(ZIPKIN)


@pytest.mark.parametrize("path", JSON_BODIES)
@given(data=st.data())
@fuzz
def test_mutated_json(path: str, data: st.DataObject) -> None:
    noise = st.binary(max_size=50) | st.text(max_size=50).map(str.encode)
    asyncio.run(_check_json(path, data.draw(_mutated_json(JSON_BODIES[path]) | noise)))


BREAKS: dict[Signal, Callable[[Any], None]] = {
    TRACES: lambda span: span.ClearField("span_id"),
    METRICS: lambda metric: metric.gauge.data_points[0].ClearField("time_unix_nano"),
    LOGS: lambda record: record.Clear(),
}


@each_signal
@given(valid=st.lists(st.booleans(), max_size=12))
@fuzz
def test_neighbours_of_invalid_items_are_kept(signal: Signal, valid: list[bool]) -> None:
    makers: dict[Signal, Callable[[list[int]], Message]] = {
        TRACES: otlp_request,
        METRICS: metrics_request,
        LOGS: logs_request,
    }
    request: Any = type(VALID[signal])()
    for number in range(1, len(valid) + 1):
        request.MergeFrom(makers[signal]([number]))
    items = [item for _, _, item in signal.layout.entries(request)]
    good = [item.SerializeToString() for item, is_valid in zip(items, valid, strict=True) if is_valid]
    for item, is_valid in zip(items, valid, strict=True):
        if not is_valid:
            BREAKS[signal](item)
    headers = {"content-type": "application/x-protobuf"}
    response, published = asyncio.run(INGEST.post(f"/v1/{signal.name}", request.SerializeToString(), headers))
    partial = signal.answer.FromString(response.content).partial_success
    assert getattr(partial, signal.rejected) == valid.count(False)
    kept = signal.parse(b"".join(value for _, value in published))
    found = [item for _, _, item in signal.layout.entries(kept)]
    assert [item.SerializeToString() for item in found if signal is not METRICS or item.gauge.data_points] == good


def _mutate(rng: random.Random, body: bytes) -> bytes:
    """A few cuts, copies, flips and numbers that parsers stumble over."""
    mutated = bytearray(body)
    for _ in range(rng.randint(1, 6)):
        place, length = rng.randint(0, len(mutated)), rng.randint(0, 16)
        match rng.randrange(5):
            case 0:
                del mutated[place : place + length]
            case 1:
                mutated[place:place] = mutated[rng.randint(0, len(mutated)) :][:length]
            case 2 if mutated:
                mutated[min(place, len(mutated) - 1)] ^= 1 << rng.randrange(8)
            case 3:
                mutated[place : place + length] = rng.randbytes(rng.randint(0, 16))
            case _:
                mutated[place:place] = rng.choice(
                    (b"\xff" * 10, b"\x80" * 10 + b"\x01", bytes(8), b"[" * 200, b"1e999", b"\\ud800", b"-1", b"null")
                )
    return bytes(mutated)


async def _fuzz_once(rng: random.Random) -> None:
    signal = rng.choice(list(VALID))
    if rng.random() < 0.5:
        await _check_protobuf(signal, _mutate(rng, VALID[signal].SerializeToString()))
        return
    path, body = rng.choice(list(JSON_BODIES.items()))
    encoding, compress = rng.choice(list(COMPRESSIONS.items()))
    if encoding != "identity" and rng.random() < 0.5:
        await _check_json(path, _mutate(rng, compress(body)), encoding)
    else:
        await _check_json(path, compress(_mutate(rng, body)), encoding)


async def test_fuzz(capsys: pytest.CaptureFixture[str]) -> None:
    seed = int(os.environ.get("LLMFLOW_FUZZ_SEED") or 1)
    until = time.monotonic() + float(os.environ.get("LLMFLOW_FUZZ_SECONDS") or 2)
    rng = random.Random(seed)
    rounds = 0
    while time.monotonic() < until:
        rounds += 1
        try:
            await _fuzz_once(rng)
        except Exception as error:
            raise AssertionError(f"LLMFLOW_FUZZ_SEED={seed} fails in round {rounds}: {error!r}") from error
    with capsys.disabled():
        print(f"\nLLMFLOW_FUZZ_SEED={seed}: {rounds} requests")
    assert rounds
