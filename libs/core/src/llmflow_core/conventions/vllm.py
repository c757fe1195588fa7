"""Inference servers: the request spans of vLLM (and SGLang, which took over its names), and llm-d's in front of them.

They carry no content. The phases of a request (`gen_ai.latency.time_in_queue`, `.time_in_model_prefill`, ...) have no
field of the span and stay attributes, in seconds.
"""

from __future__ import annotations

from llmflow_core.conventions.rules import Convention
from llmflow_core.conventions.values import milliseconds_to_ns, seconds_to_ns
from llmflow_core.spans import ObservationType, Span


def _observation_type(span: Span) -> ObservationType | None:
    return ObservationType.GENERATION if "gen_ai.latency.e2e" in span.attributes else None


def _finish(span: Span) -> None:
    """Who serves its own model pays no provider's price for it."""
    if span.provider is None and "gen_ai.latency.e2e" in span.attributes and span.scope.startswith("vllm."):
        span.provider = "vllm"


CONVENTION = Convention(
    name="vllm",
    marks=("gen_ai.latency.",),
    fields={
        "gen_ai.latency.time_to_first_token": ("time_to_first_token_ns", seconds_to_ns),
        "llm_d.pd_proxy.true_ttft_ms": ("time_to_first_token_ns", milliseconds_to_ns),
    },
    observation_type=_observation_type,
    finish=_finish,
)
