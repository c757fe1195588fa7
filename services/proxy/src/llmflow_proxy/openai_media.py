"""OpenAI's images (POST /v1/images/...) and audio (POST /v1/audio/...); pictures and sound by reference."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from llmflow_core.spans import JSON
from llmflow_proxy.media import blob, by_reference, media
from llmflow_proxy.shape import Apart, Reading, Shape, dicts, mapping
from llmflow_proxy.stated_cost import stated_cost

_IMAGE_PARAMETERS = (
    "size", "quality", "style", "background", "output_format", "output_compression", "response_format", "moderation",
    "input_fidelity", "partial_images",
)  # fmt: skip
_SPEECH_PARAMETERS = ("speed", "response_format", "stream_format")
_TRANSCRIPTION_PARAMETERS = ("language", "response_format", "chunking_strategy")
_IMAGE_FIELDS = ("image", "image[]", "images", "images[]", "mask")


def read_images_request(body: dict[str, Any], reading: Reading) -> None:
    """Model, parameters, prompt and given pictures of a request body, JSON or form."""
    _read_common(body, reading, "image", _IMAGE_PARAMETERS)
    reading.attributes["gen_ai.request.choice.count"] = _number(body.get("n"))
    parts: list[JSON] = [{"type": "text", "content": by_reference(body["prompt"])}] if body.get("prompt") else []
    parts += [_given(item) for name in _IMAGE_FIELDS for item in _several(body.get(name))]
    if parts:
        reading.input = [{"role": "user", "parts": parts}]
    if isinstance(user := body.get("user"), str):
        reading.user = user


def _read_common(body: dict[str, Any], reading: Reading, output: str, parameters: Iterable[str]) -> None:
    attributes = reading.attributes
    attributes["gen_ai.request.model"] = body.get("model")
    attributes["gen_ai.request.stream"] = True if body.get("stream") in (True, "true") else None
    attributes["gen_ai.output.type"] = output
    for name in parameters:
        attributes[f"llmflow.request.{name}"] = body.get(name)


def _several(value: JSON) -> list[JSON]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _given(item: JSON) -> JSON:
    if isinstance(item, str):
        return media("image", item)
    given = mapping(item)
    if isinstance(url := given.get("image_url"), str):
        return media("image", url)
    if file_id := given.get("file_id"):
        return {"type": "file", "modality": "image", "file_id": file_id}
    return _file("image", given)


def _file(modality: str, file: Mapping[str, Any]) -> dict[str, JSON]:
    return {"type": "blob", "modality": modality, **file}


def _number(value: JSON) -> JSON:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def read_images_response(body: dict[str, Any], reading: Reading) -> None:
    """Pictures and usage of a response body."""
    kind = f"image/{body.get('output_format') or 'png'}"
    parts: list[JSON] = []
    for item in dicts(body.get("data")):
        if revised := item.get("revised_prompt"):
            parts.append({"type": "text", "content": revised})
        if isinstance(content := item.get("b64_json"), str):
            parts.append(blob("image", kind, content))
        elif isinstance(url := item.get("url"), str):
            parts.append(media("image", url))
    if parts:
        reading.output = [{"role": "assistant", "parts": parts}]
    for name in ("size", "quality", "background", "output_format"):
        reading.attributes[f"llmflow.response.{name}"] = body.get(name)
    read_media_usage(mapping(body.get("usage")), reading.attributes)
    if drawn := mapping(body.get("svg_usage")):
        reading.apart = [_drawn(drawn, reading.user)]


def _drawn(usage: Mapping[str, Any], user: str | None) -> Apart:
    """What the model took that drew a picture as SVG: another one than renders pictures, and counted by no total."""
    reading = Reading(user=user)
    reading.attributes["gen_ai.request.model"] = reading.attributes["gen_ai.response.model"] = usage.get("model")
    reading.attributes["gen_ai.usage.reasoning.output_tokens"] = usage.get("reasoning_tokens")
    read_media_usage(usage, reading.attributes)
    return Apart("svg", reading=reading)


def read_media_usage(usage: Mapping[str, Any], attributes: dict[str, JSON]) -> None:
    """What pictures or sound took: tokens, or seconds of sound. Mistral has the names of chat completions."""
    asked = mapping(usage.get("input_tokens_details")) or mapping(usage.get("input_token_details"))
    said = mapping(usage.get("output_tokens_details"))
    attributes["gen_ai.usage.input_tokens"] = usage.get("input_tokens", usage.get("prompt_tokens"))
    attributes["gen_ai.usage.output_tokens"] = usage.get("output_tokens", usage.get("completion_tokens"))
    cached = mapping(usage.get("cached_tokens_details"))
    attributes["gen_ai.usage.cache_read.input_tokens"] = usage.get("cached_tokens")
    attributes["llmflow.usage.cache_read.image.input_tokens"] = cached.get("cached_image_tokens")
    attributes["gen_ai.usage.image.input_tokens"] = asked.get("image_tokens") or None
    attributes["gen_ai.usage.image.output_tokens"] = said.get("image_tokens") or None
    attributes["gen_ai.usage.audio.input_tokens"] = asked.get("audio_tokens") or None
    attributes["llmflow.usage.audio.input_seconds"] = usage.get("seconds", usage.get("prompt_audio_seconds"))
    attributes["gen_ai.usage.cost"] = stated_cost(usage)


def reassemble_images(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The answer that the events of a stream add up to: its finished pictures, of one that ended early the last one
    of those sketched before."""
    body: dict[str, Any] = {}
    finished: list[dict[str, Any]] = []
    sketch: list[dict[str, Any]] = []
    for event in events:
        kind = str(event.get("type"))
        if kind.endswith(".completed"):
            finished.append(event)
        elif kind.endswith(".partial_image"):
            sketch = [event]
        elif kind == "error" or event.get("error"):
            body["error"] = event.get("error") or {name: event.get(name) for name in ("code", "message")}
    for image in finished or sketch:
        body |= {name: value for name, value in image.items() if name not in ("b64_json", "type")}
        body.setdefault("data", []).append({"b64_json": image.get("b64_json")})
    return body


def read_speech_request(body: dict[str, Any], reading: Reading) -> None:
    """Model, voice, parameters, instructions and text of a request body."""
    _read_common(body, reading, "speech", _SPEECH_PARAMETERS)
    attributes = reading.attributes
    voice = body.get("voice")
    attributes["llmflow.request.voice"] = mapping(voice).get("id") or voice
    if isinstance(text := body.get("input"), str):
        attributes["llmflow.usage.input_characters"] = len(text)
        reading.input = [{"role": "user", "parts": [{"type": "text", "content": by_reference(text)}]}]
    if instructions := body.get("instructions"):
        reading.system = [{"type": "text", "content": instructions}]


def read_speech_response(body: dict[str, Any], reading: Reading) -> None:
    """The sound of a response: type, size and digest."""
    if file := mapping(body.get("file")):
        reading.output = [{"role": "assistant", "parts": [_file("audio", file)]}]
    read_media_usage(mapping(body.get("usage")), reading.attributes)


def reassemble_speech(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The sound that the events of a stream add up to, by size and digest."""
    sound = bytearray()
    body: dict[str, Any] = {}
    for event in events:
        if isinstance(piece := event.get("audio"), str):
            with suppress(binascii.Error):
                sound += base64.b64decode(piece)
        for name in ("usage", "error"):
            if event.get(name):
                body[name] = event[name]
    if sound:
        body["file"] = {"mime_type": None, "size": len(sound), "digest": f"sha256:{hashlib.sha256(sound).hexdigest()}"}
    return body


def read_transcription_request(body: dict[str, Any], reading: Reading) -> None:
    """Model, parameters, sound and prompt of a form."""
    _read_common(body, reading, "text", _TRANSCRIPTION_PARAMETERS)
    reading.attributes["gen_ai.request.temperature"] = _fraction(body.get("temperature"))
    parts: list[JSON] = [_file("audio", mapping(file)) for file in _several(body.get("file")) if mapping(file)]
    if prompt := body.get("prompt"):
        parts.append({"type": "text", "content": prompt})
    if parts:
        reading.input = [{"role": "user", "parts": parts}]


def _fraction(value: JSON) -> JSON:
    try:
        return float(value) if value is not None else None
    except (TypeError, ValueError):
        return None


def read_transcription_response(body: dict[str, Any], reading: Reading) -> None:
    """Text, language, length and usage of a response body, JSON or plain text."""
    if isinstance(text := body.get("text"), str):
        reading.output = [{"role": "assistant", "parts": [{"type": "text", "content": text}]}]
    attributes = reading.attributes
    attributes["llmflow.response.language"] = body.get("language")
    attributes["gen_ai.response.model"] = body.get("model")
    read_media_usage(mapping(body.get("usage")), attributes)
    if attributes.get("llmflow.usage.audio.input_seconds") is None:
        attributes["llmflow.usage.audio.input_seconds"] = body.get("duration")


def reassemble_transcription(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The text that the events of a stream add up to."""
    pieces: list[str] = []
    body: dict[str, Any] = {}
    for event in events:
        if event.get("type") == "transcript.text.delta":
            pieces.append(str(event.get("delta", "")))
        elif event.get("type") == "transcript.text.done":
            body |= {name: event[name] for name in ("text", "usage") if event.get(name) is not None}
        elif event.get("error"):
            body["error"] = event["error"]
    return body if "text" in body or not pieces else {**body, "text": "".join(pieces)}


IMAGES = Shape("generate_content", read_images_request, read_images_response, reassemble_images)
SPEECH = Shape("generate_content", read_speech_request, read_speech_response, reassemble_speech)
TRANSCRIPTION = Shape(
    "generate_content", read_transcription_request, read_transcription_response, reassemble_transcription
)
