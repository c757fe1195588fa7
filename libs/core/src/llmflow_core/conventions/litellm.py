"""litellm's `otel` callback: names of the GenAI conventions with costs, users and a span for the raw exchange.

Values that are no text come as Python writes them. litellm counts cached tokens into the input for every provider.
"""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import Any

from llmflow_core.conventions import genai
from llmflow_core.conventions.chat import messages_of, tool_call
from llmflow_core.conventions.flattened import items_of, nested
from llmflow_core.conventions.providers import provider
from llmflow_core.conventions.rules import Convention
from llmflow_core.conventions.values import as_list, count, decoded, member, text, texts, usd
from llmflow_core.messages import Conversation, Message
from llmflow_core.spans import JSON, ObservationType, Span

_KINDS = {
    "completion": ObservationType.GENERATION,
    "chat": ObservationType.GENERATION,
    "responses": ObservationType.GENERATION,
    "embedding": ObservationType.EMBEDDING,
    "rerank": ObservationType.RERANKER,
}
_INPUT = "gen_ai.input.messages"
_CALLS = "gen_ai.completion"
_FUNCTIONS = "llm.request.functions"
_RAW = "raw_gen_ai_request"
_RAW_CONTENT = frozenset(
    {
        *("messages", "input", "prompt", "instructions", "system", "tools", "contents", "system_instruction"),
        *("choices", "content", "output", "candidates", "data", "text", "extra_body"),
    }
)
_LONGEST_LITERAL = 4_000


def _literal(value: JSON) -> JSON:
    """A Python literal of an object as what it says; anything else as it is."""
    if isinstance(value, str) and value[:1] == "{" and len(value) <= _LONGEST_LITERAL:
        return _evaluated(value)
    return value


@lru_cache(maxsize=4)  # one value tells several fields
def _evaluated(value: str) -> JSON:
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return decoded(value)


def _of_literal(*path: str, convert: Any) -> Any:
    find = member(*path, convert=convert)
    return lambda value: find(_literal(value))


def _provider(value: JSON) -> str | None:
    """The provider's part of `openai/gpt-4o-mini`."""
    name, slash, _ = str(value).partition("/")
    return provider(name) if slash else None


def _is_own(span: Span) -> bool:
    return span.scope == "litellm" or "litellm.call_id" in span.attributes


def _observation_type(span: Span) -> ObservationType | None:
    return _KINDS.get(str(span.attributes.get("llm.request.type"))) if _is_own(span) else None


def _finish(span: Span) -> None:
    if span.name != _RAW or not _is_own(span):
        return
    for name in [name for name in span.attributes if name.startswith("llm.")]:
        if name.rpartition(".")[2] in _RAW_CONTENT:
            span.content[name] = span.attributes.pop(name)


def _conversation(span: Span) -> Conversation | None:
    content = span.content
    if not _is_own(span) or _INPUT not in content:
        return None
    conversation = genai.conversation_of(span) or Conversation()
    conversation.input = messages_of([_with_result(m) for m in as_list(decoded(content[_INPUT]))], "user")
    tree = nested(content)
    if not conversation.tools:
        functions = items_of(tree, _FUNCTIONS)
        conversation.tools = [{name: decoded(value) for name, value in function.items()} for function in functions]
    for choice in items_of(tree, _CALLS):
        if isinstance(call := choice.get("function_call"), dict):
            if not conversation.output:
                conversation.output.append(Message(role="assistant"))
            conversation.output[0].parts.append(tool_call(None, call.get("name"), call.get("arguments")))
    return conversation


def _with_result(message: JSON) -> JSON:
    """A tool's message names the call that it answers, beside its parts."""
    if isinstance(message, dict) and "tool_call_id" in message and "parts" in message:
        return {**{k: v for k, v in message.items() if k != "parts"}, "content": message["parts"]}
    return message


CONVENTION = Convention(
    name="litellm",
    marks=("litellm",),
    fields={
        "gen_ai.cost.total_cost": ("cost", usd),
        "gen_ai.cost.input_cost": ("input_cost", usd),
        "gen_ai.cost.output_cost": ("output_cost", usd),
        "litellm.provider.model": ("provider", _provider),
        "metadata.usage_object": (
            ("cache_read_tokens", _of_literal("prompt_tokens_details", "cached_tokens", convert=count)),
            ("cache_write_tokens", _of_literal("prompt_tokens_details", "cache_creation_tokens", convert=count)),
            ("reasoning_tokens", _of_literal("completion_tokens_details", "reasoning_tokens", convert=count)),
        ),
        "metadata.requester_metadata": (
            ("session_id", _of_literal("session_id", convert=text)),
            ("tags", _of_literal("tags", convert=texts)),
        ),
        "llm.user": ("user_id", text),
        "metadata.user_api_key_end_user_id": ("user_id", text),
        "metadata.user_api_key_user_id": ("user_id", text),
    },
    content_prefixes=(f"{_CALLS}.", f"{_FUNCTIONS}."),
    observation_type=_observation_type,
    finish=_finish,
    conversation=_conversation,
)
