"""The bodies of Bedrock's InvokeModel that are neither Anthropic's nor Converse's: Titan, Llama, Mistral, Cohere, and
whoever speaks OpenAI's chat completions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmflow_core.spans import JSON
from llmflow_proxy import openai_chat
from llmflow_proxy.media import by_reference
from llmflow_proxy.shape import Reading, dicts, mapping

_PARAMETERS = {
    "gen_ai.request.temperature": ("temperature",),
    "gen_ai.request.top_p": ("topP", "top_p", "p"),
    "gen_ai.request.top_k": ("top_k", "k"),
    "gen_ai.request.max_tokens": ("maxTokenCount", "max_gen_len", "max_tokens", "max_completion_tokens"),
    "gen_ai.request.stop_sequences": ("stopSequences", "stop", "stop_sequences"),
}
_EMBEDDINGS = ("embedding", "embeddings", "embeddingsByType")


def read_request(body: dict[str, Any], reading: Reading) -> None:
    """Parameters and prompt, wherever the model wants them."""
    if dicts(body.get("messages")):
        openai_chat.read_request(body, reading)
        reading.attributes["openai.api.type"] = None
        return
    config = {**body, **mapping(body.get("textGenerationConfig"))}
    for name, members in _PARAMETERS.items():
        reading.attributes[name] = next((config[member] for member in members if config.get(member) is not None), None)
    prompt = next((body[member] for member in ("inputText", "prompt", "message", "texts") if body.get(member)), None)
    texts = prompt if isinstance(prompt, list) else [prompt]
    parts: list[JSON] = [{"type": "text", "content": by_reference(text)} for text in texts if isinstance(text, str)]
    if parts:
        reading.input = [{"role": "user", "parts": parts}]


def read_response(body: dict[str, Any], reading: Reading) -> None:
    """Text, finish reason and usage, wherever the model puts them."""
    attributes = reading.attributes
    if dicts(body.get("choices")):
        openai_chat.read_response(body, reading)
    elif any(name in body for name in _EMBEDDINGS):
        attributes["gen_ai.operation.name"] = "embeddings"
    else:
        _read_text(body, reading)
    metrics = mapping(body.get("amazon-bedrock-invocationMetrics"))
    asked = metrics.get("inputTokenCount", body.get("prompt_token_count", body.get("inputTextTokenCount")))
    said = metrics.get("outputTokenCount", body.get("generation_token_count"))
    if asked is not None:
        attributes["gen_ai.usage.input_tokens"] = asked
    if said is not None:
        attributes["gen_ai.usage.output_tokens"] = said


def _read_text(body: Mapping[str, Any], reading: Reading) -> None:
    answers = dicts(body.get("results")) or dicts(body.get("outputs")) or dicts(body.get("generations")) or [dict(body)]
    counts = [answer["tokenCount"] for answer in answers if isinstance(answer.get("tokenCount"), int)]
    reasons = []
    for answer in answers:
        text = next(
            (answer[name] for name in ("outputText", "generation", "text") if isinstance(answer.get(name), str)), None
        )
        members = ("completionReason", "stop_reason", "finish_reason")
        reason = next((answer[name] for name in members if answer.get(name)), None)
        if reason:
            reasons.append(reason)
        if text is not None:
            part = {"type": "text", "content": by_reference(text)}
            reading.output.append({"role": "assistant", "parts": [part], "finish_reason": reason})
    reading.attributes["gen_ai.response.finish_reasons"] = reasons or None
    reading.attributes["gen_ai.usage.output_tokens"] = sum(counts) if counts else None


def reassemble(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """The response that a stream's chunks add up to: text grows, the last of everything else counts."""
    if any("choices" in chunk and "delta" in str(chunk["choices"]) for chunk in chunks):
        return openai_chat.reassemble(chunks)
    body: dict[str, Any] = {}
    pieces: list[str] = []
    for chunk in chunks:
        flat = {**chunk, **(dicts(chunk.get("outputs")) or [{}])[0]}
        pieces += [flat[name] for name in ("outputText", "generation", "text") if isinstance(flat.get(name), str)]
        others = flat.keys() - {"outputText", "generation", "text", "outputs"}
        body |= {name: flat[name] for name in others if flat[name] is not None}
    if count := body.pop("totalOutputTextTokenCount", None):
        body["generation_token_count"] = count
    return {**body, "text": "".join(pieces)} if pieces else body
