"""MLflow's tracing, exported over OTLP: `mlflow.span*`, `mlflow.chat.*`, `mlflow.llm.*`, `mlflow.trace.*`.

Every value comes as JSON text, strings in quotation marks. Token counts include cached tokens, Anthropic's too.
"""

from __future__ import annotations

from typing import Any

import orjson

from llmflow_core.conventions.exchanges import exchange
from llmflow_core.conventions.providers import provider
from llmflow_core.conventions.rules import Convention
from llmflow_core.conventions.values import as_list, count, decoded, mapping, member, text, usd
from llmflow_core.messages import Conversation
from llmflow_core.spans import JSON, ObservationType, Span

_TYPE = "mlflow.spanType"
_TYPES = {
    "LLM": ObservationType.GENERATION,
    "CHAT_MODEL": ObservationType.GENERATION,
    "EMBEDDING": ObservationType.EMBEDDING,
    "TOOL": ObservationType.TOOL,
    "AGENT": ObservationType.AGENT,
    "CHAIN": ObservationType.CHAIN,
    "WORKFLOW": ObservationType.CHAIN,
    "RETRIEVER": ObservationType.RETRIEVER,
    "RERANKER": ObservationType.RERANKER,
    "GUARDRAIL": ObservationType.GUARDRAIL,
    "EVALUATOR": ObservationType.EVALUATOR,
}
_INPUT = "mlflow.spanInputs"
_OUTPUT = "mlflow.spanOutputs"
_TOOLS = "mlflow.chat.tools"
_CONTENT = frozenset({_INPUT, _OUTPUT, _TOOLS, "mlflow.chat.messages"})
# A request's parameters are attributes of their own names besides.
_CONTENT_PARAMETERS = ("tools", "instructions", "system", "prompt")
# OpenAI's answer tells what MLflow does not count.
_EMBEDDED_TOKENS = member("usage", "prompt_tokens", convert=count)
_CHUNK_EVENT = "mlflow.chunk.item."
_TAG = "mlflow.traceTag."


def _unquoted(value: JSON) -> JSON:
    """What JSON text of a string says; anything else as it is."""
    if isinstance(value, str) and value[:1] == '"':
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def _text(value: JSON) -> str | None:
    return text(_unquoted(value))


def _prompt(name: str) -> Any:
    """The first of the prompts that a span is linked to: a list of names and versions, as JSON text."""

    def found(value: JSON) -> str | None:
        prompts = as_list(decoded(_unquoted(value)))
        return text((mapping(prompts[0]) or {}).get(name)) if prompts else None

    return found


def _observation_type(span: Span) -> ObservationType | None:
    return _TYPES.get(str(_unquoted(span.attributes.get(_TYPE))))


def _finish(span: Span) -> None:
    attributes = span.attributes
    if _TYPE not in attributes:
        return
    # `mlflow.llm.model` is overwritten by the model that answered; the request's parameters lie beside it.
    asked_for = _text(attributes.get("model"))
    if asked_for and asked_for != span.model:
        span.model, span.response_model = asked_for, span.model
    span.user_id, span.session_id = _text(span.user_id), _text(span.session_id)
    span.tags += [f"{name[len(_TAG) :]}:{value}" for name, value in attributes.items() if name.startswith(_TAG)]
    chunks = [(n, event) for n, event in enumerate(span.events) if event["name"].startswith(_CHUNK_EVENT)]
    if chunks:
        span.events = [event for event in span.events if not event["name"].startswith(_CHUNK_EVENT)]
        span.content |= {f"event:{number}": event for number, event in chunks}
        after = chunks[0][1]["time_unix_nano"] - span.start_time_ns
        span.time_to_first_token_ns = after if after >= 0 else None
    if span.input_tokens is None and span.observation_type == ObservationType.EMBEDDING:
        span.input_tokens = _EMBEDDED_TOKENS(span.content.get(_OUTPUT))
    for name in _CONTENT_PARAMETERS:
        if name in attributes:
            span.content[name] = attributes.pop(name)


def _conversation(span: Span) -> Conversation | None:
    content = span.content
    if _CONTENT.isdisjoint(content):
        return None
    conversation = exchange(span, _unquoted(content.get(_INPUT)), _unquoted(content.get(_OUTPUT)))
    conversation.tools = conversation.tools or as_list(decoded(content.get(_TOOLS)))
    return conversation


CONVENTION = Convention(
    name="mlflow",
    marks=("mlflow.",),
    fields={
        "mlflow.llm.provider": ("provider", lambda value: provider(_unquoted(value))),
        "mlflow.llm.model": ("model", _text),
        "mlflow.chat.tokenUsage": (
            ("input_tokens", member("input_tokens", convert=count)),
            ("output_tokens", member("output_tokens", convert=count)),
            ("cache_read_tokens", member("cache_read_input_tokens", convert=count)),
            ("cache_write_tokens", member("cache_creation_input_tokens", convert=count)),
        ),
        "mlflow.llm.cost": (
            ("cost", member("total_cost", convert=usd)),
            ("input_cost", member("input_cost", convert=usd)),
            ("output_cost", member("output_cost", convert=usd)),
        ),
        "mlflow.trace.session": ("session_id", _text),
        "mlflow.trace.user": ("user_id", _text),
        "mlflow.linkedPrompts": (("prompt_name", _prompt("name")), ("prompt_version", _prompt("version"))),
    },
    content=_CONTENT,
    observation_type=_observation_type,
    finish=_finish,
    conversation=_conversation,
)
