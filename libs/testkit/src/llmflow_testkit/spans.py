"""Spans for tests, with every field that matters set by keyword."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from llmflow_core.ids import new_span_id, new_trace_id
from llmflow_core.spans import Span

NOON = datetime(2025, 6, 15, 12, 0, 0, 123456, tzinfo=UTC)
#: NOON and 789 nanoseconds.
NOON_NS = 1_749_988_800_123_456_789


def make_span(**fields: Any) -> Span:
    """A root span of one second at NOON_NS in a trace of its own; `fields` say what is different."""
    defaults: dict[str, Any] = {
        "trace_id": new_trace_id(),
        "span_id": new_span_id(),
        "name": "work",
        "start_time_ns": NOON_NS,
        "duration_ns": 1_000_000_000,
    }
    return Span(**{**defaults, **fields})


def make_generation(**fields: Any) -> Span:
    """A model call as the conventions fill it: tokens, cost, times, both payloads."""
    defaults: dict[str, Any] = {
        "name": "chat gpt-4o",
        "kind": 3,
        "status": "ok",
        "service": "assistant",
        "scope": "openai",
        "scope_version": "2.1.0",
        "trace_state": "vendor=1",
        "status_message": "done",
        "observation_type": "generation",
        "provider": "openai",
        "model": "gpt-4o",
        "response_model": "gpt-4o-2024-08-06",
        "input_tokens": 1200,
        "output_tokens": 345,
        "cache_read_tokens": 1000,
        "cache_write_tokens": 7,
        "reasoning_tokens": 45,
        "cost": Decimal("0.00572500001"),
        "input_cost": Decimal("0.001"),
        "output_cost": Decimal("0.00472500001"),
        "time_to_first_token_ns": 234_567_891,
        "tokens_per_second": 57.25,
        "finish_reasons": ["stop", "length"],
        "error_type": "timeout",
        "http_status": 200,
        "user_id": "ada",
        "session_id": "s-1",
        "tags": ["beta", "chat"],
        "environment": "production",
        "release": "1.4.2",
        "prompt_name": "greeting",
        "prompt_version": "3",
        "attributes": {"gen_ai.request.temperature": 0.7, "nested": {"list": [1, 2.5, None, True, "ü"]}},
        "resource_attributes": {"service.name": "assistant", "host.cpus": 2},
        "events": [{"name": "retry", "time_unix_nano": NOON_NS + 5, "attributes": {"n": 1}}],
        "links": [{"trace_id": "00" * 16, "span_id": "11" * 8, "attributes": {}}],
        "content": {"gen_ai.input.messages": '[{"role":"user","parts":[]}]', "event:0": {"content": "hello"}},
        "input_preview": "hello",
        "output_preview": "good day",
    }
    return make_span(**{**defaults, **fields})


def random_spans(rng: random.Random, count: int, *, project: str = "default", traces: int = 4) -> list[Span]:
    """`count` spans in few traces and minutes, with and without parents, tokens, costs and content; no key twice."""
    trace_ids = [rng.randbytes(16) for _ in range(traces)]
    return [_random_span(rng, project, rng.choice(trace_ids)) for _ in range(count)]


def _random_span(rng: random.Random, project: str, trace_id: bytes) -> Span:
    observation_type = rng.choice(["span", "generation", "generation", "embedding", "tool"])
    has_tokens = observation_type in ("generation", "embedding") and rng.random() < 0.9
    return make_span(
        project=project,
        trace_id=trace_id,
        span_id=rng.randbytes(8),
        parent_span_id=None if rng.random() < 0.1 else rng.randbytes(8),
        name=rng.choice(["plan", "search", "answer"]),
        start_time_ns=NOON_NS + rng.randrange(200) * 1_000_000_000 + rng.randrange(3),
        duration_ns=rng.choice([0, 1, 2, rng.randrange(10**6), rng.randrange(10**11)]),
        status=rng.choice(["unset", "ok", "error"]),
        service=rng.choice(["", "web", "agent"]),
        observation_type=observation_type,
        provider=rng.choice([None, "openai", "anthropic"]),
        model=rng.choice([None, "gpt-4o", "claude-sonnet-4"]),
        response_model=rng.choice([None, "gpt-4o-2024-08-06"]),
        input_tokens=rng.randrange(5000) if has_tokens else None,
        output_tokens=rng.randrange(500) if has_tokens else None,
        reasoning_tokens=rng.choice([None, 3]),
        cost=Decimal(rng.randrange(10**9)).scaleb(-11) if has_tokens and rng.random() < 0.7 else None,
        time_to_first_token_ns=rng.randrange(10**10) if observation_type == "generation" else None,
        user_id=rng.choice([None, "ada", "bob"]),
        session_id=rng.choice([None, "s-1"]),
        tags=rng.sample(["a", "b", "c"], rng.randrange(3)),
        environment=rng.choice([None, "production"]),
        content={"input.value": "hello"} if rng.random() < 0.5 else {},
        input_preview=rng.choice([None, "hello"]),
    )
