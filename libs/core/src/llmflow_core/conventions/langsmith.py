"""LangSmith's OpenTelemetry mode: `langsmith.*`, beside names of the GenAI conventions' older generation.

Usage has LangChain's shape, whose totals include the details (cached and reasoning tokens).
"""

from __future__ import annotations

from typing import Any

from llmflow_core.conventions.exchanges import exchange
from llmflow_core.conventions.providers import provider
from llmflow_core.conventions.rules import Convention
from llmflow_core.conventions.values import as_list, count, decoded, mapping, member, text, usd
from llmflow_core.messages import Conversation
from llmflow_core.spans import JSON, ObservationType, Span

_KIND = "langsmith.span.kind"
_KINDS = {
    "llm": ObservationType.GENERATION,
    "embedding": ObservationType.EMBEDDING,
    "tool": ObservationType.TOOL,
    "chain": ObservationType.CHAIN,
    "prompt": ObservationType.CHAIN,
    "parser": ObservationType.CHAIN,
    "retriever": ObservationType.RETRIEVER,
}
_INPUT = "gen_ai.prompt"
_OUTPUT = "gen_ai.completion"


def _written(details: JSON) -> int | None:
    """Tokens written to the cache: in all, or for each of the times that Anthropic keeps them."""
    found = mapping(details) or {}
    parts = [count(found.get(name)) for name in ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")]
    stated = [part for part in parts if part is not None]
    total = count(found.get("cache_creation"))
    return total if total or not stated else sum(stated)


_USAGE = (
    ("input_tokens", member("input_tokens", convert=count)),
    ("output_tokens", member("output_tokens", convert=count)),
    ("cache_read_tokens", member("input_token_details", "cache_read", convert=count)),
    ("cache_write_tokens", member("input_token_details", convert=_written)),
    ("reasoning_tokens", member("output_token_details", "reasoning", convert=count)),
    ("cost", member("total_cost", convert=usd)),
    ("input_cost", member("input_cost", convert=usd)),
    ("output_cost", member("output_cost", convert=usd)),
)


def _tags(value: JSON) -> list[str] | None:
    """Tags come joined by commas."""
    names = [name.strip() for item in as_list(value) if isinstance(item, str) for name in item.split(",")]
    return [name for name in names if name] or None


def _observation_type(span: Span) -> ObservationType | None:
    return _KINDS.get(str(span.attributes.get(_KIND)))


def _finish(span: Span) -> None:
    # What every run that is no model's call says of its provider.
    if _KIND in span.attributes and span.provider == "langchain":
        span.provider = None


def _conversation(span: Span) -> Conversation | None:
    content = span.content
    if _KIND not in span.attributes or (_INPUT not in content and _OUTPUT not in content):
        return None
    return exchange(span, _unwrapped(content.get(_INPUT), "input"), _unwrapped(content.get(_OUTPUT), "output"))


def _unwrapped(value: JSON, name: str) -> JSON:
    """Values that are no objects come as the only member of one."""
    found: Any = decoded(value)
    return found[name] if isinstance(found, dict) and set(found) == {name} else found


CONVENTION = Convention(
    name="langsmith",
    marks=("langsmith.",),
    fields={
        "langsmith.metadata.ls_provider": ("provider", provider),
        "langsmith.metadata.ls_model_name": ("model", text),
        "langsmith.usage_metadata": _USAGE,
        "langsmith.metadata.usage_metadata": _USAGE,
        "langsmith.metadata.session_id": ("session_id", text),
        "langsmith.metadata.thread_id": ("session_id", text),
        "langsmith.metadata.conversation_id": ("session_id", text),
        "langsmith.metadata.user_id": ("user_id", text),
        "langsmith.metadata.environment": ("environment", text),
        "langsmith.metadata.revision_id": ("release", text),
        "langsmith.metadata.lc_hub_repo": ("prompt_name", text),
        "langsmith.metadata.lc_hub_commit_hash": ("prompt_version", text),
        "langsmith.span.tags": ("tags", _tags),
    },
    content=frozenset({_INPUT, _OUTPUT}),
    observation_type=_observation_type,
    finish=_finish,
    conversation=_conversation,
)
