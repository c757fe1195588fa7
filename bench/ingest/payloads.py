"""What is sent: serialized trace requests of model calls, all spans alike in size and none the same."""

from __future__ import annotations

import random
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from llmflow_core.otlp import key_value_fields
from llmflow_core.spans import JSON

SPANS = 512
_REQUESTS = 8
_START_NS = 1_760_000_000_000_000_000


def write_requests(folder: Path) -> int:
    """Write the requests into `folder`, a file each; the mean size in bytes."""
    choice = random.Random(20)
    sizes = []
    for number in range(_REQUESTS):
        body = _request(choice)
        (folder / f"{number:02}").write_bytes(body)
        sizes.append(len(body))
    return sum(sizes) // len(sizes)


def _request(choice: random.Random) -> bytes:
    spans = [_span(choice, number) for number in range(SPANS)]
    resource = {"service.name": "assistant", "service.version": "1.4.2", "telemetry.sdk.language": "python"}
    scope = {"name": "opentelemetry.instrumentation.openai_v2", "version": "2.1b0"}
    group = {
        "resource": {"attributes": key_value_fields(resource)},
        "scope_spans": [{"scope": scope, "spans": spans}],
    }
    return ExportTraceServiceRequest(resource_spans=[group]).SerializeToString()  # type: ignore[list-item]


def _span(choice: random.Random, number: int) -> dict[str, object]:
    start = _START_NS + number * 1_000_000 + choice.randrange(1_000_000)
    return {
        "trace_id": choice.randbytes(16),
        "span_id": choice.randbytes(8),
        "parent_span_id": choice.randbytes(8),
        "name": "chat gpt-4o-mini",
        "kind": 3,
        "start_time_unix_nano": start,
        "end_time_unix_nano": start + choice.randrange(3_000_000_000),
        "attributes": key_value_fields(_attributes(choice)),
    }


def _attributes(choice: random.Random) -> dict[str, JSON]:
    """Twenty, as OpenAI's instrumentation sets them."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.id": f"chatcmpl-{choice.randbytes(14).hex()}",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.request.temperature": 0.7,
        "gen_ai.request.top_p": 0.95,
        "gen_ai.request.max_tokens": 1024,
        "gen_ai.request.seed": choice.randrange(1 << 31),
        "gen_ai.usage.input_tokens": choice.randrange(4000),
        "gen_ai.usage.output_tokens": choice.randrange(900),
        "gen_ai.usage.cache_read.input_tokens": choice.randrange(1000),
        "gen_ai.conversation.id": choice.randbytes(16).hex(),
        "openai.response.system_fingerprint": "fp_44709d6fcb",
        "openai.response.service_tier": "default",
        "server.address": "api.openai.com",
        "server.port": 443,
        "user.id": f"user-{choice.randrange(100_000)}",
        "app.cached": choice.random() < 0.5,
    }
