"""API keys over HTTP and gRPC."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import grpc
import grpc.aio
import httpx
import pytest

from llmflow_bus import topics
from llmflow_core.api_keys import ApiKey, KeyRing, Scope, digest_of, new_key
from llmflow_ingest.signals import TRACES
from llmflow_testkit.otlp_requests import otlp_request
from llmflow_testkit.ports import free_port
from llmflow_testkit.running_ingest import RunningIngest, start_ingest

BODY = otlp_request([1]).SerializeToString()
PROTOBUF = {"content-type": "application/x-protobuf"}


def _make_key(project: str, scope: Scope) -> tuple[str, ApiKey]:
    key, key_id = new_key()
    return key, ApiKey(id=key_id, digest=digest_of(key), project=project, scopes=frozenset({scope}))


async def _grpc_code(ingest: RunningIngest, metadata: dict[str, str]) -> grpc.StatusCode:
    async with grpc.aio.insecure_channel(ingest.grpc) as channel:
        call = channel.unary_unary(f"/{TRACES.service}/Export", bytes, bytes)(BODY, metadata=tuple(metadata.items()))
        return await call.code()


async def test_keys_decide_who_may_send_and_where_it_belongs(embedded_url: str, tmp_path: Path) -> None:
    key, known = _make_key("team-a", "ingest")
    reader, known_reader = _make_key("team-a", "read")
    kept = tmp_path / "keys.json"
    kept.write_text(json.dumps(KeyRing([known, known_reader]).document()))
    settings = {
        "keys_url": f"http://127.0.0.1:{free_port()}",  # away: the file knows enough
        "keys_token": "t" * 32,
        "keys_file": kept,
        "keys_required": True,
    }
    langfuse = "Basic " + base64.b64encode(f"{known.id}:{key}".encode()).decode()
    async with start_ingest(embedded_url, **settings) as ingest, httpx.AsyncClient(base_url=ingest.url) as client:
        for path, headers in (
            ("/v1/traces", {"authorization": f"Bearer {key}"}),
            ("/api/public/otel/v1/traces", {"authorization": langfuse}),
            ("/api/v1/private/otel/v1/traces", {"authorization": key, "comet-workspace": "default"}),
        ):
            assert (await client.post(path, content=BODY, headers=PROTOBUF | headers)).status_code == 200
        assert await _grpc_code(ingest, {"x-api-key": key, "x-llmflow-project": "team-b"}) is grpc.StatusCode.OK
        records = await ingest.records()
        assert [record.headers for record in records] == [{topics.PROJECT_HEADER: "team-a"}] * 4

        refused = await client.post("/v1/traces", content=BODY, headers=PROTOBUF)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert await _grpc_code(ingest, {}) is grpc.StatusCode.UNAUTHENTICATED
        as_reader = {"authorization": f"Bearer {reader}"}
        assert (await client.post("/api/v2/spans", json=[], headers=as_reader)).status_code == 403
        assert await _grpc_code(ingest, as_reader) is grpc.StatusCode.PERMISSION_DENIED
        unknown = {"authorization": f"Bearer {new_key()[0]}"}
        assert (await client.post("/v1/traces", content=BODY, headers=PROTOBUF | unknown)).status_code == 503
        assert await _grpc_code(ingest, unknown) is grpc.StatusCode.UNAVAILABLE
        assert len(await ingest.records()) == 4


@pytest.mark.parametrize("dummy", ["Bearer sk-dummy", "Basic cGs6c2s="])
async def test_keys_of_others_are_ignored(ingest: RunningIngest, dummy: str) -> None:
    headers = PROTOBUF | {"authorization": dummy, "x-llmflow-project": "team-b"}
    async with httpx.AsyncClient(base_url=ingest.url) as client:
        assert (await client.post("/v1/traces", content=BODY, headers=headers)).status_code == 200
    (record,) = await ingest.records()
    assert record.headers == {topics.PROJECT_HEADER: "team-b"}
