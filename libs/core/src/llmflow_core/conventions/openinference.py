"""OpenInference, the convention of Arize's Phoenix and its instrumentations: `openinference.span.kind`, `llm.*`.

Messages, documents and embeddings are spread over attributes; `input.value` and `output.value` hold a span's whole
input and output besides. Follows openinference-semantic-conventions 0.1.
"""

from __future__ import annotations

from typing import Any

from llmflow_core.conventions.chat import messages_of, value_message, value_part
from llmflow_core.conventions.exchanges import exchange
from llmflow_core.conventions.flattened import items_of, listed, nested
from llmflow_core.conventions.providers import provider
from llmflow_core.conventions.rules import Convention
from llmflow_core.conventions.values import count, decoded, mapping, number, text, texts, usd
from llmflow_core.messages import Conversation, Message
from llmflow_core.spans import JSON, ObservationType, Score, Span

_KIND = "openinference.span.kind"
_KINDS = {
    "LLM": ObservationType.GENERATION,
    "EMBEDDING": ObservationType.EMBEDDING,
    "TOOL": ObservationType.TOOL,
    "AGENT": ObservationType.AGENT,
    "CHAIN": ObservationType.CHAIN,
    "PROMPT": ObservationType.CHAIN,
    "RETRIEVER": ObservationType.RETRIEVER,
    "RERANKER": ObservationType.RERANKER,
    "GUARDRAIL": ObservationType.GUARDRAIL,
    "EVALUATOR": ObservationType.EVALUATOR,
}
_INPUT = "input.value"
_OUTPUT = "output.value"
_QUERY = "reranker.query"
_LISTS = (
    "llm.input_messages",
    "llm.output_messages",
    "llm.prompts",
    "llm.choices",
    "llm.tools",
    "retrieval.documents",
    "reranker.input_documents",
    "reranker.output_documents",
    "embedding.embeddings",
    "input.images",
    "output.images",
    "input.documents",
    "output.documents",
)
_JUDGEMENTS = ("annotations.", "evaluations.")


def _observation_type(span: Span) -> ObservationType | None:
    return _KINDS.get(str(span.attributes.get(_KIND)).upper())


def _finish(span: Span) -> None:
    attributes = span.attributes
    if _KIND not in attributes:
        return
    parameters = attributes.get("llm.invocation_parameters", attributes.get("embedding.invocation_parameters"))
    if "llm.request.model_name" not in attributes and "llm.response.model_name" not in attributes and parameters:
        # `llm.model_name` is overwritten by the model that answered; the one asked for is among the parameters.
        asked_for = text((mapping(parameters) or {}).get("model"))
        if asked_for and asked_for != span.model:
            span.model, span.response_model = asked_for, span.model
    # Former versions of the instrumentations report Anthropic's cached tokens apart from the others.
    cached = (span.cache_read_tokens or 0) + (span.cache_write_tokens or 0)
    if span.input_tokens is not None and cached > span.input_tokens:
        span.input_tokens += cached
    for event in span.events:
        if event["name"] == "First Token Stream Event" and event["time_unix_nano"] >= span.start_time_ns:
            span.time_to_first_token_ns = event["time_unix_nano"] - span.start_time_ns
            break
    judgements = {name: value for name, value in attributes.items() if name.startswith(_JUDGEMENTS)}
    if judgements:
        tree = nested(judgements)
        for name in _JUDGEMENTS:
            items = [item.get(name.removesuffix("s.")) for item in items_of(tree, name.removesuffix("."))]
            span.scores += [_score(item) for item in items if isinstance(item, dict)]


def _score(judgement: dict[str, Any]) -> Score:
    return Score(
        name=text(judgement.get("name")) or "evaluation",
        value=number(judgement.get("score")),
        label=text(judgement.get("label")),
        comment=text(judgement.get("explanation")),
        source="annotation" if judgement.get("annotator_kind") == "HUMAN" else "eval",
    )


def _conversation(span: Span) -> Conversation | None:
    content = span.content
    if _KIND not in span.attributes and _INPUT not in content and _OUTPUT not in content:
        return None
    tree = nested(content)
    embedded = _texts(tree, "embedding.embeddings", "embedding", "user")
    given = (
        _said(tree, "llm.input_messages", "user")
        or _texts(tree, "llm.prompts", "prompt", "user")
        or embedded
        or _to_rerank(tree, content.get(_QUERY))
    )
    returned = (
        _said(tree, "llm.output_messages", "assistant")
        or _texts(tree, "llm.choices", "completion", "assistant")
        or _found(tree, "retrieval.documents")
        or _found(tree, "reranker.output_documents")
    )
    for message, reason in zip(returned, span.finish_reasons, strict=False):
        message.finish_reason = message.finish_reason or reason
    conversation = exchange(
        span,
        None if given else content.get(_INPUT),
        None if returned or embedded else content.get(_OUTPUT),  # an embedding's vectors are no conversation
    )
    conversation.input = given or conversation.input
    conversation.output = returned or conversation.output
    conversation.tools = [_tool(tool) for tool in items_of(tree, "llm.tools")] or conversation.tools
    return conversation if conversation != Conversation() else None


def _said(tree: JSON, name: str, role: str) -> list[Message]:
    items = [item.get("message") for item in items_of(tree, name)]
    return messages_of([_openai_message(item) for item in items if isinstance(item, dict)], role)


def _openai_message(message: dict[str, Any]) -> dict[str, Any]:
    """A message in the shape of OpenAI's chat API, which `chat` reads."""
    calls = [call for item in listed(message.get("tool_calls")) if isinstance(call := item.get("tool_call"), dict)]
    if name := message.get("function_call_name"):
        calls.append({"function": {"name": name, "arguments": message.get("function_call_arguments_json")}})
    parts = [_part(item) for item in listed(message.get("contents")) if not (calls and "tool_call" in item)]
    content = message.get("content")
    if parts and content is not None:
        parts.insert(0, content)
    found = {"content": parts or content, "tool_calls": calls}
    if message.get("role") == "tool":
        found["tool_call_id"] = message.get("tool_call_id")
    return found | {name: message[name] for name in ("role", "name") if name in message}


def _part(item: dict[str, Any]) -> JSON:
    """A part of a message; one of a kind that OpenAI's API does not have, as it is."""
    if isinstance(call := item.get("tool_call"), dict):
        function = call.get("function")
        return {"type": "tool_call", "id": call.get("id"), **(function if isinstance(function, dict) else {})}
    part = item.get("message_content")
    if not isinstance(part, dict):
        return item
    kind = part.get("type")
    held = part.get(str(kind))
    held = held.get(str(kind), held) if isinstance(held, dict) else None
    if isinstance(held, dict) and isinstance(held.get("url"), str):
        return {"type": "uri", "modality": kind, "uri": held["url"], "mime_type": held.get("mime_type")}
    return part


def _texts(tree: JSON, name: str, member: str, role: str) -> list[Message]:
    items = [item.get(member) for item in items_of(tree, name)]
    texts = [item["text"] for item in items if isinstance(item, dict) and item.get("text") is not None]
    return [Message(role=role, parts=[value_part(text)]) for text in texts]


def _tool(item: dict[str, Any]) -> JSON:
    tool = item.get("tool", item)
    return decoded(tool.get("json_schema", tool)) if isinstance(tool, dict) else tool


def _to_rerank(tree: JSON, query: JSON) -> list[Message]:
    documents = _documents(tree, "reranker.input_documents")
    if not documents and query is None:
        return []
    return [value_message("input", {"query": query, "documents": documents})]


def _found(tree: JSON, name: str) -> list[Message]:
    documents = _documents(tree, name)
    return [value_message("output", documents)] if documents else []


def _documents(tree: JSON, name: str) -> list[JSON]:
    documents = [item.get("document", item) for item in items_of(tree, name)]
    return [
        {key: decoded(value) if key == "metadata" else value for key, value in document.items()}
        for document in documents
        if isinstance(document, dict)
    ]


CONVENTION = Convention(
    name="openinference",
    marks=("openinference.",),
    fields={
        "llm.provider": ("provider", provider),
        "llm.system": ("provider", provider),
        "llm.request.model_name": ("model", text),
        "llm.model_name": ("model", text),
        "embedding.model_name": ("model", text),
        "reranker.model_name": ("model", text),
        "llm.response.model_name": ("response_model", text),
        "llm.token_count.prompt": ("input_tokens", count),
        "llm.token_count.completion": ("output_tokens", count),
        "llm.token_count.prompt_details.cache_read": ("cache_read_tokens", count),
        "llm.token_count.prompt_details.cache_input": ("cache_read_tokens", count),
        "llm.token_count.prompt_details.cache_write": ("cache_write_tokens", count),
        "llm.token_count.completion_details.reasoning": ("reasoning_tokens", count),
        "llm.cost.total": ("cost", usd),
        "llm.cost.prompt": ("input_cost", usd),
        "llm.cost.completion": ("output_cost", usd),
        "llm.finish_reason": ("finish_reasons", texts),
        "tag.tags": ("tags", texts),
        "prompt.id": ("prompt_name", text),
        "llm.prompt_template.version": ("prompt_version", text),
    },
    content=frozenset(
        {
            _INPUT,
            _OUTPUT,
            _QUERY,
            "llm.function_call",
            "llm.prompt_template.template",
            "llm.prompt_template.variables",
            *_LISTS,
        }
    ),
    content_prefixes=tuple(f"{name}." for name in _LISTS),
    observation_type=_observation_type,
    finish=_finish,
    conversation=_conversation,
)
