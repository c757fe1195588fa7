"""Google's generateContent and its relatives, of the Gemini API and of Vertex AI."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from llmflow_core.spans import JSON
from llmflow_proxy.media import blob, by_reference, media
from llmflow_proxy.shape import Reading, Shape, dicts, mapping, strings

_PARAMETERS = {
    "temperature": "gen_ai.request.temperature",
    "topP": "gen_ai.request.top_p",
    "topK": "gen_ai.request.top_k",
    "maxOutputTokens": "gen_ai.request.max_tokens",
    "stopSequences": "gen_ai.request.stop_sequences",
    "seed": "gen_ai.request.seed",
    "presencePenalty": "gen_ai.request.presence_penalty",
    "frequencyPenalty": "gen_ai.request.frequency_penalty",
    "thinkingConfig": "llmflow.request.thinking",
    "responseModalities": "llmflow.request.response_modalities",
}
_ROLES = {"model": "assistant", "function": "tool"}
#: The kinds of tokens that may have a price of their own; pages of a document count as pictures.
_MODALITIES = {"AUDIO": "audio", "IMAGE": "image", "DOCUMENT": "image", "VIDEO": "video"}
_MODALITY_COUNTS = {
    "promptTokensDetails": "gen_ai.usage.{}.input_tokens",
    "candidatesTokensDetails": "gen_ai.usage.{}.output_tokens",
    "cacheTokensDetails": "llmflow.usage.cache_read.{}.input_tokens",
}
_TIERS = {"ON_DEMAND_PRIORITY": "priority", "ON_DEMAND_FLEX": "flex"}
#: With models before Gemini 3 a prompt that was searched for is charged for, with later ones each search.
_CHARGED_BY_PROMPT = re.compile(r"gemini-(?:1|2)[.-]")


def read_request(body: dict[str, Any], reading: Reading) -> None:
    """Parameters, contents, system instruction and tools of a request body."""
    attributes = reading.attributes
    config = mapping(_member(body, "generationConfig"))
    attributes.update({name: _member(config, parameter) for parameter, name in _PARAMETERS.items()})
    if (count := _member(config, "candidateCount")) not in (None, 1):
        attributes["gen_ai.request.choice.count"] = count
    attributes["gen_ai.output.type"] = "json" if _member(config, "responseMimeType") == "application/json" else None
    attributes["llmflow.request.tool_choice"] = _member(body, "toolConfig")
    attributes["llmflow.request.cached_content"] = _member(body, "cachedContent")
    attributes["llmflow.request.service_tier"] = _member(body, "serviceTier")
    reading.system = _parts(mapping(_member(body, "systemInstruction")))
    reading.input = _contents(body.get("contents"))
    reading.tools = [tool for entry in dicts(body.get("tools")) for tool in _tools(entry)]


def read_stream_request(body: dict[str, Any], reading: Reading) -> None:
    """A request whose path, not its body, asks for a stream."""
    read_request(body, reading)
    reading.attributes["gen_ai.request.stream"] = True


def read_response(body: dict[str, Any], reading: Reading) -> None:
    """Candidates, usage and ids of a response body."""
    attributes = reading.attributes
    attributes["gen_ai.response.id"] = body.get("responseId")
    attributes["gen_ai.response.model"] = body.get("modelVersion")
    candidates = dicts(body.get("candidates"))
    reasons = [candidate["finishReason"] for candidate in candidates if candidate.get("finishReason")]
    for candidate in candidates:
        message = _message({"role": "model", **mapping(candidate.get("content"))})
        reading.output.append({**message, "finish_reason": candidate.get("finishReason")})
    feedback = mapping(body.get("promptFeedback"))
    if blocked := feedback.get("blockReason"):
        reasons.append(blocked)
        attributes["llmflow.response.block_reason"] = blocked
        refusal = {"type": "refusal", "content": feedback.get("blockReasonMessage") or f"prompt blocked: {blocked}"}
        reading.output.append({"role": "assistant", "parts": [refusal], "finish_reason": blocked})
    attributes["gen_ai.response.finish_reasons"] = reasons or None
    _read_usage(mapping(body.get("usageMetadata")), attributes)
    attributes["llmflow.usage.web_search.requests"] = _searches(candidates, body.get("modelVersion"))


def _searches(candidates: list[dict[str, Any]], model: JSON) -> int | None:
    """How many searches are charged for, of which Google leaves out empty ones and those made twice."""
    found = [mapping(candidate.get("groundingMetadata")).get("webSearchQueries") for candidate in candidates]
    return charged_searches(len({query for some in found for query in strings(some) if query}), model)


def charged_searches(count: int, model: JSON) -> int | None:
    """How often a call is charged for, that searched so often; None for one that did not."""
    return (1 if _CHARGED_BY_PROMPT.match(str(model)) else count) if count else None


def _read_usage(usage: Mapping[str, Any], attributes: dict[str, JSON]) -> None:
    """The API counts thoughts and the prompts of its own tools apart; the conventions count them in."""
    thoughts, tool_use = usage.get("thoughtsTokenCount"), usage.get("toolUsePromptTokenCount")
    attributes["gen_ai.usage.input_tokens"] = _sum(usage.get("promptTokenCount"), tool_use)
    attributes["gen_ai.usage.output_tokens"] = _sum(usage.get("candidatesTokenCount"), thoughts)
    attributes["gen_ai.usage.cache_read.input_tokens"] = usage.get("cachedContentTokenCount")
    attributes["gen_ai.usage.reasoning.output_tokens"] = thoughts
    attributes["llmflow.usage.tool_use.input_tokens"] = tool_use
    attributes.update(counts_by_modality(usage, _MODALITY_COUNTS, "tokenCount"))
    tier = usage.get("serviceTier") or _TIERS.get(str(usage.get("trafficType")))
    attributes["llmflow.response.service_tier"] = tier.lower() if isinstance(tier, str) else None


def counts_by_modality(usage: Mapping[str, Any], names: Mapping[str, str], member: str) -> dict[str, int]:
    """Tokens of sound, pictures and videos, by attribute. `names` has the attribute, with {} for the modality, of each
    list in the usage; `member` of an entry is its count."""
    found: Counter[str] = Counter()
    for details, name in names.items():
        for detail in dicts(usage.get(details)):
            modality, count = _MODALITIES.get(str(detail.get("modality")).upper()), detail.get(member)
            if modality and isinstance(count, int):
                found[name.format(modality)] += count
    return found


def _sum(*counts: Any) -> int | None:
    known = [count for count in counts if isinstance(count, int)]
    return sum(known) if known else None


@cache
def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda match: f"_{match[0].lower()}", name)


def _member(body: Mapping[str, Any], name: str) -> Any:
    """A member by its JSON name or by its name in the protocol buffer: the API takes both."""
    value = body.get(name)
    return body.get(_snake(name)) if value is None else value


def _contents(contents: JSON) -> list[dict[str, JSON]]:
    return [_message(content) for content in dicts([contents] if isinstance(contents, dict) else contents)]


def _message(content: Mapping[str, Any]) -> dict[str, JSON]:
    role = str(content.get("role") or "user")
    parts = _parts(content)
    if parts and all(mapping(part).get("type") == "tool_call_response" for part in parts):
        role = "tool"
    return {"role": _ROLES.get(role, role), "parts": parts}


def _parts(content: Mapping[str, Any]) -> list[JSON]:
    parts = content.get("parts")
    return [_part(part) for part in dicts([parts] if isinstance(parts, dict) else parts) if part]


def _part(part: dict[str, Any]) -> JSON:
    if isinstance(text := part.get("text"), str):
        return {"type": "reasoning" if part.get("thought") else "text", "content": by_reference(text)}
    if call := mapping(_member(part, "functionCall")):
        arguments = by_reference(call.get("args"))
        return {"type": "tool_call", "id": call.get("id"), "name": call.get("name"), "arguments": arguments}
    if answer := mapping(_member(part, "functionResponse")):
        identity = answer.get("id") or answer.get("name")
        return {"type": "tool_call_response", "id": identity, "response": by_reference(answer.get("response"))}
    if inline := mapping(_member(part, "inlineData")):
        media_type = str(_member(inline, "mimeType"))
        return blob(modality_of(media_type), media_type, str(inline.get("data", "")))
    if file := mapping(_member(part, "fileData")):
        media_type = str(_member(file, "mimeType"))
        return media(modality_of(media_type), str(_member(file, "fileUri") or ""), media_type)
    if code := mapping(_member(part, "executableCode")):
        return {"type": "server_tool_call", "name": "code_execution", "server_tool_call": by_reference(code)}
    if result := mapping(_member(part, "codeExecutionResult")):
        return {"type": "server_tool_call_response", "server_tool_call_response": by_reference(result)}
    return by_reference(part)


def modality_of(media_type: str) -> str:
    """What kind of content a media type is of, as the conventions call it."""
    kind = media_type.partition("/")[0]
    return kind if kind in ("image", "audio", "video") else "document"


def _tools(entry: dict[str, Any]) -> list[JSON]:
    """Declared functions in the conventions' flat shape; Google's own tools (search, code execution) as they came."""
    declared = _member(entry, "functionDeclarations")
    if declared is None:
        return [entry]
    return [{"type": "function", **function} for function in dicts(declared)]


def reassemble(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The response that the partial ones of a stream add up to."""
    body: dict[str, Any] = {}
    candidates: dict[int, dict[str, Any]] = {}
    for event in events:
        for name in ("responseId", "modelVersion", "promptFeedback", "error"):
            if event.get(name) is not None:
                body[name] = event[name]
        if usage := mapping(event.get("usageMetadata")):
            body["usageMetadata"] = {**body.get("usageMetadata", {}), **usage}
        for piece in dicts(event.get("candidates")):
            index = piece.get("index", 0)
            candidate = candidates.setdefault(index if isinstance(index, int) else 0, {"content": {"parts": []}})
            if piece.get("finishReason"):
                candidate["finishReason"] = piece["finishReason"]
            if grounding := mapping(piece.get("groundingMetadata")):
                candidate["groundingMetadata"] = {**candidate.get("groundingMetadata", {}), **grounding}
            _extend(candidate["content"]["parts"], dicts(mapping(piece.get("content")).get("parts")))
    if candidates:
        body["candidates"] = [_finished(candidates[index]) for index in sorted(candidates)]
    return body


def _extend(parts: list[Any], pieces: list[dict[str, Any]]) -> None:
    """Add the parts of one event; text that goes on where the last part ended is collected as a list of its pieces."""
    for piece in pieces:
        text, thought = piece.get("text"), bool(piece.get("thought"))
        if not isinstance(text, str):
            parts.append({name: value for name, value in piece.items() if name != "text"})
        elif parts and isinstance(parts[-1].get("text"), list) and parts[-1]["thought"] == thought:
            parts[-1]["text"].append(text)
        else:
            parts.append({"text": [text], "thought": thought})


def _finished(candidate: dict[str, Any]) -> dict[str, Any]:
    parts = [
        {**part, "text": "".join(part["text"])} if isinstance(part.get("text"), list) else part
        for part in candidate["content"]["parts"]
    ]
    return {**candidate, "content": {"role": "model", "parts": parts}}


def read_embed_request(body: dict[str, Any], reading: Reading) -> None:
    """The contents to embed, of one request or of a batch."""
    requests = dicts(body.get("requests")) or [body]
    reading.input = [message for request in requests for message in _contents(request.get("content"))]
    reading.attributes["gen_ai.embeddings.dimension.count"] = _member(requests[0], "outputDimensionality")


def read_embed_response(body: dict[str, Any], reading: Reading) -> None:
    """How many vectors of which length came; their numbers are not recorded."""
    embeddings = dicts(body.get("embeddings")) or dicts([body.get("embedding")])
    if embeddings and isinstance(values := embeddings[0].get("values"), list):
        reading.attributes["gen_ai.embeddings.dimension.count"] = len(values)
    reading.attributes["llmflow.embeddings.count"] = len(embeddings) or None
    _read_usage(mapping(body.get("usageMetadata")), reading.attributes)


def read_count_request(body: dict[str, Any], reading: Reading) -> None:
    """What is to be counted: bare contents, or a whole request."""
    read_request({**body, **mapping(_member(body, "generateContentRequest"))}, reading)


def read_count(body: dict[str, Any], reading: Reading) -> None:
    """The count, which is no usage: nothing was generated."""
    reading.attributes["llmflow.counted.input_tokens"] = body.get("totalTokens")


def read_predict_request(body: dict[str, Any], reading: Reading) -> None:
    """Prompts and parameters of a prediction: pictures by Imagen, videos by Veo."""
    parts: list[JSON] = []
    for instance in dicts(body.get("instances")):
        if isinstance(prompt := instance.get("prompt"), str):
            parts.append({"type": "text", "content": by_reference(prompt)})
        parts += [_predicted(given) for name in ("image", "lastFrame") if (given := mapping(instance.get(name)))]
    if parts:
        reading.input = [{"role": "user", "parts": parts}]
    parameters = mapping(body.get("parameters"))
    reading.attributes["gen_ai.request.choice.count"] = parameters.get("sampleCount")
    for name in ("aspectRatio", "sampleImageSize", "resolution", "durationSeconds", "personGeneration"):
        reading.attributes[f"llmflow.request.{_snake(name)}"] = parameters.get(name)


def read_prediction(body: dict[str, Any], reading: Reading) -> None:
    """The pictures by reference, or why there is none; of a video the name of the operation that makes it."""
    reading.attributes["llmflow.resource.name"] = body.get("name")
    if predictions := dicts(body.get("predictions")):
        reading.attributes["gen_ai.output.type"] = "image"
        reading.output = [{"role": "assistant", "parts": [_predicted(one) for one in predictions]}]


def _predicted(picture: Mapping[str, Any]) -> JSON:
    media_type = str(picture.get("mimeType") or "image/png")
    if isinstance(content := picture.get("bytesBase64Encoded"), str):
        return blob(modality_of(media_type), media_type, content)
    if reason := picture.get("raiFilteredReason"):
        return {"type": "refusal", "content": reason}
    return by_reference(dict(picture))


_GENERATE = Shape("generate_content", read_request, read_response, reassemble)
_STREAM = Shape("generate_content", read_stream_request, read_response, reassemble, streamed=True)
_EMBED = Shape("embeddings", read_embed_request, read_embed_response, reassemble)
_PREDICT = Shape("generate_content", read_predict_request, read_prediction, reassemble)
_COUNT = Shape(None, read_count_request, read_count, reassemble)

#: By path below the version (and, on Vertex AI, the publisher).
SHAPES = {
    f"/{kind}/{{model}}:{method}": shape
    for kind in ("models", "tunedModels", "endpoints")
    for method, shape in {
        "generateContent": _GENERATE,
        "streamGenerateContent": _STREAM,
        "embedContent": _EMBED,
        "batchEmbedContents": _EMBED,
        "countTokens": _COUNT,
        "predict": _PREDICT,
        "predictLongRunning": _PREDICT,
    }.items()
}
