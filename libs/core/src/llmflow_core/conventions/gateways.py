"""The attributes of LLM gateways that follow no published convention: `llm.model`, `llm.provider`, `llm.tokens.*`."""

from __future__ import annotations

from llmflow_core.conventions.providers import provider
from llmflow_core.conventions.rules import Convention
from llmflow_core.conventions.values import count, text
from llmflow_core.spans import ObservationType, Span


def _observation_type(span: Span) -> ObservationType | None:
    return ObservationType.GENERATION if "llm.model" in span.attributes else None


CONVENTION = Convention(
    name="gateways",
    marks=("llm.",),
    fields={
        "llm.provider": ("provider", provider),
        "llm.model": ("model", text),
        "llm.tokens.prompt": ("input_tokens", count),
        "llm.tokens.completion": ("output_tokens", count),
    },
    observation_type=_observation_type,
)
