"""OpenLLMetry (Traceloop): `traceloop.*`, and what its instrumentations wrote before they spoke the GenAI conventions.

Messages then came in pieces, `gen_ai.prompt.0.role`, `gen_ai.prompt.0.content`,
`gen_ai.completion.0.tool_calls.0.name`, tools as `llm.request.functions.0.name`; what workflows, agents, tasks and
tools were given and gave is JSON text in `traceloop.entity.input` and `traceloop.entity.output`. Input tokens include
cached ones.
"""

from __future__ import annotations

from typing import Any

from llmflow_core.conventions.chat import messages_of
from llmflow_core.conventions.exchanges import exchange
from llmflow_core.conventions.flattened import items_of, listed, nested
from llmflow_core.conventions.rules import Convention
from llmflow_core.conventions.values import as_list, count, decoded, mapping, parsed, text
from llmflow_core.messages import Conversation
from llmflow_core.spans import JSON, ObservationType, Span

_KINDS = {
    "workflow": ObservationType.CHAIN,
    "agent": ObservationType.AGENT,
    "tool": ObservationType.TOOL,
    "task": ObservationType.CHAIN,
}
_REQUEST_TYPES = {
    "chat": ObservationType.GENERATION,
    "completion": ObservationType.GENERATION,
    "embedding": ObservationType.EMBEDDING,
    "rerank": ObservationType.RERANKER,
}
_IN_PIECES = ("gen_ai.prompt.", "gen_ai.completion.", "llm.request.functions.")
_INPUT, _OUTPUT = "traceloop.entity.input", "traceloop.entity.output"
_PROPERTIES = "traceloop.association.properties."
_CHUNKS = frozenset({"llm.content.completion.chunk", "gen_ai.content.completion.chunk"})
#: Named as providers on spans that call none.
_FRAMEWORKS = frozenset({"langchain", "langgraph"})
#: What LangChain calls its callbacks with besides the value that matters.
_WRAPPERS = ("inputs", "outputs", "input_str", "output", "query")
_OWN_TAGS = ("seq:step:", "graph:step:", "map:key:")


def _observation_type(span: Span) -> ObservationType | None:
    attributes = span.attributes
    kind = attributes.get("traceloop.span.kind")
    if kind is not None:
        if attributes.get("gen_ai.operation.name") == "vector_db_retrieve":
            return ObservationType.RETRIEVER
        return _KINDS.get(str(kind))
    request_type = attributes.get("llm.request.type")
    if request_type is not None:
        return _REQUEST_TYPES.get(str(request_type))
    return None


def _finish(span: Span) -> None:
    if span.provider in _FRAMEWORKS:
        span.provider = None
    if span.time_to_first_token_ns is None and span.events:
        chunks = (event["time_unix_nano"] for event in span.events if event["name"] in _CHUNKS)
        first = next(chunks, 0)
        span.time_to_first_token_ns = first - span.start_time_ns if first > span.start_time_ns else None
    if span.scope.startswith("opentelemetry.instrumentation.google_generativeai"):
        _count_thoughts(span)
    given = span.content.get(_INPUT)
    if not span.tags and isinstance(given, str) and '"tags": ["' in given:
        tags = as_list((mapping(given) or {}).get("tags"))
        span.tags = [tag for tag in tags if isinstance(tag, str) and not tag.startswith(_OWN_TAGS)]


def _count_thoughts(span: Span) -> None:
    """Gemini counts thoughts apart, and the instrumentation passes on only the total that has them in it."""
    total = count(span.attributes.get("gen_ai.usage.total_tokens"))
    if total is not None and span.input_tokens is not None and span.output_tokens is not None:
        thoughts = total - span.input_tokens - span.output_tokens
        if thoughts > 0:
            span.output_tokens += thoughts
            span.reasoning_tokens = thoughts


def _conversation(span: Span) -> Conversation | None:
    content = span.content
    if "gen_ai.input.messages" in content or "gen_ai.output.messages" in content:
        return None
    pieces = nested({name: value for name, value in content.items() if name.startswith(_IN_PIECES)})
    asked, answers = items_of(pieces, "gen_ai.prompt"), items_of(pieces, "gen_ai.completion")
    if asked or answers:
        functions = items_of(pieces, "llm.request.functions")
        return Conversation(
            input=messages_of([_message(message) for message in asked], "user"),
            output=messages_of(_answers(answers), "assistant"),
            tools=[{name: decoded(value) for name, value in function.items()} for function in functions],
        )
    if _INPUT not in content and _OUTPUT not in content:
        return None
    return exchange(span, _entity(content.get(_INPUT)), _entity(content.get(_OUTPUT)))


def _message(pieces: dict[str, JSON]) -> dict[str, Any]:
    said = pieces.get("content")
    parts = decoded(said)
    if isinstance(parts, list) and all(isinstance(part, dict) and "type" in part for part in parts):
        said = parts
    message: dict[str, Any] = {"role": pieces.get("role"), "content": said}
    if "user" in pieces and said is None:  # so the prompt of a completion is written
        message = {"role": "user", "content": pieces["user"]}
    if calls := listed(pieces.get("tool_calls")):
        message["tool_calls"] = calls
    for name in ("tool_call_id", "finish_reason"):
        if name in pieces:
            message[name] = pieces[name]
    return message


def _answers(completions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The completions; a thought is numbered as one of its own, before the answer that it belongs to."""
    answers: list[dict[str, Any]] = []
    thought: dict[str, Any] = {}
    for pieces in completions:
        message = _message(pieces)
        if message["role"] == "thinking":
            thought = {"reasoning_content": message.pop("content"), **message, "role": "assistant"}
            continue
        answers.append(thought | message)
        thought = {}
    return [*answers, thought] if thought else answers


def _entity(value: JSON) -> JSON:
    """What JSON text says, less what LangChain's callbacks wrap it in."""
    value = parsed(value)
    if isinstance(value, dict) and "kwargs" in value:
        value = next((value[name] for name in _WRAPPERS if name in value), value)
    return _langchain(value)


def _langchain(value: JSON) -> JSON:
    """The messages of a prompt, what a graph's node updates; anything else as it is."""
    if isinstance(value, dict) and "lc" in value:
        inner = value.get("kwargs")
        return {"messages": inner["messages"]} if isinstance(inner, dict) and "messages" in inner else value
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        return value[0].get("update") or value
    return value


CONVENTION = Convention(
    name="openllmetry",
    marks=("traceloop.", "gen_ai.", "llm."),
    fields={
        f"{_PROPERTIES}user_id": ("user_id", text),
        f"{_PROPERTIES}userId": ("user_id", text),
        "gen_ai.user": ("user_id", text),
        "llm.user": ("user_id", text),
        f"{_PROPERTIES}session_id": ("session_id", text),
        f"{_PROPERTIES}sessionId": ("session_id", text),
        f"{_PROPERTIES}conversation_id": ("session_id", text),
        f"{_PROPERTIES}thread_id": ("session_id", text),
        f"{_PROPERTIES}chat_id": ("session_id", text),
        "gen_ai.usage.cache_read_input_tokens": ("cache_read_tokens", count),
        "gen_ai.usage.cache_creation_input_tokens": ("cache_write_tokens", count),
        "gen_ai.usage.reasoning_tokens": ("reasoning_tokens", count),
        "traceloop.prompt.key": ("prompt_name", text),
        "traceloop.prompt.version": ("prompt_version", text),
    },
    content=frozenset({_INPUT, _OUTPUT, "gen_ai.task.input", "gen_ai.task.output"}),
    content_prefixes=(*_IN_PIECES, "traceloop.prompt.template"),
    observation_type=_observation_type,
    finish=_finish,
    conversation=_conversation,
)
