"""OpenAI's legacy completions (POST /v1/completions), which many servers of open models speak as well."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llmflow_core.spans import JSON
from llmflow_proxy.media import by_reference
from llmflow_proxy.openai_chat import read_usage
from llmflow_proxy.shape import Reading, Shape, dicts, index_of, mapping

_PARAMETERS = {
    "model": "gen_ai.request.model",
    "max_tokens": "gen_ai.request.max_tokens",
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "seed": "gen_ai.request.seed",
    "best_of": "llmflow.request.best_of",
    "echo": "llmflow.request.echo",
}


def read_request(body: dict[str, Any], reading: Reading) -> None:
    """Model, parameters and prompts of a request body, each prompt a message."""
    attributes = reading.attributes
    attributes.update({name: body.get(parameter) for parameter, name in _PARAMETERS.items()})
    attributes["gen_ai.request.stream"] = True if body.get("stream") else None
    stop = body.get("stop")
    attributes["gen_ai.request.stop_sequences"] = [stop] if isinstance(stop, str) else stop
    if body.get("n") not in (None, 1):
        attributes["gen_ai.request.choice.count"] = body["n"]
    reading.input = [{"role": "user", "parts": [part]} for part in text_parts(body.get("prompt"))]
    if suffix := body.get("suffix"):
        reading.input.append({"role": "suffix", "parts": [{"type": "text", "content": by_reference(suffix)}]})
    if isinstance(user := body.get("user"), str):
        reading.user = user


def text_parts(value: JSON) -> list[JSON]:
    """The parts of an input that is one text or a list of them. Texts that come as tokens are counted."""
    if isinstance(value, list) and value and not isinstance(value[0], int):
        return [part for item in value for part in text_parts(item)]
    if isinstance(value, list):
        return [{"type": "tokens", "count": len(value)}] if value else []
    return [{"type": "text", "content": by_reference(value)}] if isinstance(value, str) else []


def read_response(body: dict[str, Any], reading: Reading) -> None:
    """Answers, usage and ids of a response body."""
    attributes = reading.attributes
    attributes["gen_ai.response.id"] = body.get("id")
    attributes["gen_ai.response.model"] = body.get("model")
    attributes["openai.response.system_fingerprint"] = body.get("system_fingerprint")
    choices = dicts(body.get("choices"))
    reasons = [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]
    attributes["gen_ai.response.finish_reasons"] = reasons or None
    for choice in choices:
        parts = text_parts(choice.get("text"))
        reading.output.append({"role": "assistant", "parts": parts, "finish_reason": choice.get("finish_reason")})
    read_usage(mapping(body.get("usage")), attributes)


def reassemble(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The completion that the chunks of a stream add up to."""
    body: dict[str, Any] = {}
    texts: dict[int, list[str]] = {}
    reasons: dict[int, str] = {}
    for event in events:
        for name in ("id", "model", "system_fingerprint", "usage", "error"):
            if event.get(name) is not None:
                body[name] = event[name]
        for choice in dicts(event.get("choices")):
            index = index_of(choice)
            texts.setdefault(index, []).append(str(choice.get("text") or ""))
            if choice.get("finish_reason"):
                reasons[index] = choice["finish_reason"]
    body["choices"] = [{"text": "".join(texts[index]), "finish_reason": reasons.get(index)} for index in sorted(texts)]
    return body


SHAPE = Shape("text_completion", read_request, read_response, reassemble)
