"""What Mistral has beside OpenAI's APIs: filling in the middle, agents and their conversations, reading documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmflow_core.spans import JSON
from llmflow_proxy import openai_chat, openai_completions
from llmflow_proxy.media import by_reference, media
from llmflow_proxy.openai_compatible import read_caller, thinking_of
from llmflow_proxy.shape import Reading, Shape, dicts, mapping, never_streamed, parsed, whole
from llmflow_proxy.stated_cost import stated_cost

_ANNOTATIONS = ("document_annotation_format", "bbox_annotation_format")
_DELTA = "message.output.delta"


def read_agent_request(body: dict[str, Any], reading: Reading) -> None:
    """A chat whose model and instructions are those of an agent."""
    openai_chat.read_request(body, reading)
    reading.attributes["gen_ai.agent.id"] = body.get("agent_id")


def read_conversation_request(body: dict[str, Any], reading: Reading) -> None:
    """Model or agent, parameters, instructions, new inputs and tools of a conversation."""
    attributes, options = reading.attributes, mapping(body.get("completion_args"))
    attributes["gen_ai.request.model"] = body.get("model")
    attributes["gen_ai.agent.id"] = body.get("agent_id")
    attributes["gen_ai.request.stream"] = True if body.get("stream") else None
    for name in ("temperature", "top_p", "max_tokens", "frequency_penalty", "presence_penalty"):
        attributes[f"gen_ai.request.{name}"] = options.get(name)
    attributes["gen_ai.request.seed"] = options.get("random_seed")
    if isinstance(instructions := body.get("instructions"), str) and instructions:
        reading.system = [{"type": "text", "content": by_reference(instructions)}]
    inputs = body.get("inputs")
    if isinstance(inputs, str):
        inputs = [{"role": "user", "content": inputs}]
    reading.input = [message for entry in dicts(inputs) if (message := _message(entry, "user"))["parts"]]
    reading.tools = [_tool(tool) for tool in dicts(body.get("tools"))]
    read_caller(body, reading)


def read_conversation_response(body: dict[str, Any], reading: Reading) -> None:
    """What was said, and what it took. What the connectors' answers added to the prompt is counted apart."""
    attributes, usage = reading.attributes, mapping(body.get("usage"))
    outputs = dicts(body.get("outputs"))
    attributes["gen_ai.conversation.id"] = body.get("conversation_id")
    attributes["gen_ai.response.model"] = next((entry["model"] for entry in outputs if entry.get("model")), None)
    reading.output = [message for entry in outputs if (message := _message(entry, "assistant"))["parts"]]
    asked, added = usage.get("prompt_tokens"), usage.get("connector_tokens")
    attributes["gen_ai.usage.input_tokens"] = asked + whole(added) if isinstance(asked, int) else None
    attributes["gen_ai.usage.output_tokens"] = usage.get("completion_tokens")
    attributes["llmflow.usage.tool_use.input_tokens"] = added
    attributes["gen_ai.usage.cost"] = stated_cost(usage)
    for name, count in mapping(usage.get("connectors")).items():
        attributes[f"llmflow.usage.connectors.{name}"] = count or None


def _tool(tool: dict[str, Any]) -> JSON:
    """Declared functions in the conventions' flat shape; connectors as they came."""
    declared = mapping(tool.get("function"))
    return {"type": "function", **declared} if declared else tool


def _message(entry: Mapping[str, Any], role: str) -> dict[str, JSON]:
    match str(entry.get("type")):
        case "function.call":
            call = {"type": "tool_call", "id": entry.get("tool_call_id"), "name": entry.get("name")}
            return {"role": role, "parts": [{**call, "arguments": by_reference(parsed(entry.get("arguments")))}]}
        case "function.result":
            response = by_reference(parsed(entry.get("result")))
            part = {"type": "tool_call_response", "id": entry.get("tool_call_id"), "response": response}
            return {"role": "tool", "parts": [part]}
        case "tool.execution":
            call = {"type": "server_tool_call", "id": entry.get("id"), "name": entry.get("name")}
            asked = {"type": entry.get("name"), "arguments": by_reference(parsed(entry.get("arguments")))}
            return {"role": role, "parts": [{**call, "server_tool_call": asked}]}
    content = entry.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    return {"role": str(entry.get("role") or role), "parts": [_part(chunk) for chunk in dicts(content)]}


def _part(chunk: dict[str, Any]) -> JSON:
    match chunk.get("type"):
        case "text":
            return {"type": "text", "content": by_reference(chunk.get("text"))}
        case "thinking":
            return {"type": "reasoning", "content": thinking_of(chunk)}
        case "image_url":
            url = chunk.get("image_url")
            return media("image", str(mapping(url).get("url", "") if isinstance(url, dict) else url))
        case "document_url":
            return media("document", str(chunk.get("document_url")))
    return by_reference(chunk)


def reassemble_conversation(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The response that the events of a conversation's stream add up to."""
    body: dict[str, Any] = {}
    outputs: dict[str, dict[str, Any]] = {}
    for event in events:
        kind = str(event.get("type"))
        begun = {name: value for name, value in event.items() if name not in ("pieces", "asked")}
        entry = outputs.setdefault(str(event.get("id")), begun) if event.get("id") else {}
        if kind == "conversation.response.started":
            body["conversation_id"] = event.get("conversation_id")
        elif kind == "conversation.response.done":
            body["usage"] = event.get("usage")
        elif kind == "conversation.response.error":
            body["error"] = {"code": event.get("code"), "message": event.get("message")}
        elif kind == _DELTA:
            said = event.get("content")
            piece = [{"type": "text", "text": said}] if isinstance(said, str) else dicts([said])
            entry.setdefault("pieces", []).extend(piece)
        elif kind in ("function.call.delta", "tool.execution.delta"):
            entry.setdefault("asked", []).append(str(event.get("arguments") or ""))
        elif kind == "tool.execution.started":
            entry["type"] = "tool.execution"
    body["outputs"] = [_finished(entry) for entry in outputs.values()]
    return body


def _finished(entry: dict[str, Any]) -> dict[str, Any]:
    kind = str(entry.get("type")).removesuffix(".delta")
    pieces, asked = entry.pop("pieces", []), entry.pop("asked", [])
    if kind != "message.output":
        return {**entry, "type": kind, **({"arguments": "".join(asked)} if asked else {})}
    content: list[dict[str, Any]] = []
    for piece in pieces:
        if content and piece.get("type") == content[-1].get("type") == "text":
            content[-1] = {**piece, "text": f"{content[-1].get('text', '')}{piece.get('text', '')}"}
        else:
            content.append(piece)
    return {**entry, "type": kind, "role": "assistant", "content": content}


def read_document_request(body: dict[str, Any], reading: Reading) -> None:
    """Model and document."""
    attributes = reading.attributes
    attributes["gen_ai.request.model"] = body.get("model")
    attributes["gen_ai.output.type"] = "text"
    attributes["llmflow.request.annotated"] = True if any(body.get(name) for name in _ANNOTATIONS) else None
    reading.input = [{"role": "user", "parts": [_part(dict(mapping(body.get("document"))))]}]


def read_document_response(body: dict[str, Any], reading: Reading) -> None:
    """The text of the pages, and how many there were: they are what is paid for."""
    attributes = reading.attributes
    attributes["gen_ai.response.model"] = body.get("model")
    pages = mapping(body.get("usage_info")).get("pages_processed")
    attributes["llmflow.usage.pages"] = pages
    attributes["llmflow.usage.annotated_pages"] = pages if attributes.get("llmflow.request.annotated") else None
    parts = [{"type": "text", "content": by_reference(page.get("markdown"))} for page in dicts(body.get("pages"))]
    if parts:
        reading.output = [{"role": "assistant", "parts": parts}]


_CONVERSATION = Shape("chat", read_conversation_request, read_conversation_response, reassemble_conversation)

SHAPES = {
    "/fim/completions": Shape(
        "text_completion", openai_completions.read_request, openai_chat.read_response, openai_chat.reassemble
    ),
    "/agents/completions": Shape("chat", read_agent_request, openai_chat.read_response, openai_chat.reassemble),
    "/conversations": _CONVERSATION,
    "/conversations/{id}": _CONVERSATION,
    "/conversations/{id}/restart": _CONVERSATION,
    "/ocr": Shape("generate_content", read_document_request, read_document_response, never_streamed),
}
