"""Semantic conventions: how each dialect names a span's LLM facts. One table-driven module a dialect.

`apply_conventions` reads a span once; where two dialects state the same fact, the one earlier in `CONVENTIONS` wins.
"""

from __future__ import annotations

from llmflow_core.conventions import (
    anthropic_sdk,
    gateways,
    genai,
    genai_older,
    google_adk,
    langfuse,
    langsmith,
    litellm,
    logfire,
    mlflow,
    openai_agents,
    openinference,
    openlit,
    openllmetry,
    opik,
    otel,
    strands,
    vercel_ai,
    vllm,
)
from llmflow_core.conventions.logfire import is_pending
from llmflow_core.conventions.nested import count_nested_once
from llmflow_core.conventions.rules import Convention, RuleBook
from llmflow_core.spans import Span

__all__ = ["BOOK", "CONVENTIONS", "apply_conventions", "count_nested_once", "is_pending"]

#: In order of precedence. First the tracing SDKs whose users say in their names what they mean (a span of another
#: library that passes through one of them has few of its names), then the instrumentations. Those that build upon the
#: GenAI conventions come before them, as what a library says in its own names is more exact than what it says beside it
#: for others. The most general names come last.
CONVENTIONS: tuple[Convention, ...] = (
    langfuse.CONVENTION,
    langsmith.CONVENTION,
    mlflow.CONVENTION,
    litellm.CONVENTION,
    openinference.CONVENTION,
    vercel_ai.CONVENTION,
    openai_agents.CONVENTION,
    logfire.CONVENTION,
    openlit.CONVENTION,
    google_adk.CONVENTION,
    strands.CONVENTION,
    vllm.CONVENTION,
    openllmetry.CONVENTION,
    anthropic_sdk.CONVENTION,
    genai.CONVENTION,
    genai_older.CONVENTION,
    gateways.CONVENTION,
    opik.CONVENTION,
    otel.CONVENTION,
)

BOOK = RuleBook(CONVENTIONS)


def apply_conventions(span: Span) -> None:
    """Fill `span`'s fields from its attributes, and move what is content from `attributes` and `events` to `content`.

    A value of the wrong type leaves its field alone and stays in the attributes; nothing is lost and nothing raises.
    """
    BOOK.apply(span)
