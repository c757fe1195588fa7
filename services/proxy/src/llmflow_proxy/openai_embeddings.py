"""OpenAI's embeddings (POST /v1/embeddings) and moderations (POST /v1/moderations): texts in, numbers out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmflow_core.spans import JSON
from llmflow_proxy.media import media
from llmflow_proxy.openai_completions import text_parts
from llmflow_proxy.shape import Reading, Shape, dicts, mapping, never_streamed
from llmflow_proxy.stated_cost import stated_cost

#: How many of the texts of one call are recorded; the others are counted.
_RECORDED_TEXTS = 20
_FLOAT_BYTES = 4


def read_embeddings_request(body: dict[str, Any], reading: Reading) -> None:
    """Model, parameters and the first texts of a request body."""
    attributes = reading.attributes
    attributes["gen_ai.request.model"] = body.get("model")
    attributes["gen_ai.embeddings.dimension.count"] = body.get("dimensions")
    encoding = body.get("encoding_format")
    attributes["gen_ai.request.encoding_formats"] = [encoding] if isinstance(encoding, str) else None
    _read_texts(text_parts(body.get("input")), reading)
    if isinstance(user := body.get("user"), str):
        reading.user = user


def _read_texts(parts: list[JSON], reading: Reading) -> None:
    reading.attributes["llmflow.request.input.count"] = len(parts)
    if parts:
        reading.input = [{"role": "user", "parts": parts[:_RECORDED_TEXTS]}]


def read_embeddings_response(body: dict[str, Any], reading: Reading) -> None:
    """Model, usage and size of the vectors of a response body. The vectors themselves are not recorded."""
    attributes = reading.attributes
    attributes["gen_ai.response.model"] = body.get("model")
    usage = mapping(body.get("usage"))
    # Voyage states nothing but the total.
    attributes["gen_ai.usage.input_tokens"] = usage.get("prompt_tokens", usage.get("total_tokens"))
    attributes["gen_ai.usage.cost"] = stated_cost(usage)
    if not attributes.get("gen_ai.embeddings.dimension.count"):
        attributes["gen_ai.embeddings.dimension.count"] = _dimensions(dicts(body.get("data")))


def _dimensions(embeddings: list[dict[str, Any]]) -> int | None:
    """How long the first vector is: a list, or base64 of 32-bit floats."""
    vector = embeddings[0].get("embedding") if embeddings else None
    if isinstance(vector, str):
        return len(vector.rstrip("=")) * 3 // 4 // _FLOAT_BYTES or None
    return len(vector) if isinstance(vector, list) else None


def read_moderations_request(body: dict[str, Any], reading: Reading) -> None:
    """Model and inputs of a request body."""
    reading.attributes["gen_ai.request.model"] = body.get("model")
    given = body.get("input")
    several = dicts(given)
    _read_texts([_input_part(part) for part in several] if several else text_parts(given), reading)


def _input_part(part: dict[str, Any]) -> JSON:
    if part.get("type") == "image_url":
        return media("image", str(mapping(part.get("image_url")).get("url", "")))
    return {"type": "text", "content": part.get("text")}


def read_moderations_response(body: dict[str, Any], reading: Reading) -> None:
    """Verdicts of a response body: which categories each input was flagged for, and every score."""
    attributes = reading.attributes
    attributes["gen_ai.response.id"] = body.get("id")
    attributes["gen_ai.response.model"] = body.get("model")
    results = dicts(body.get("results"))
    if results:
        attributes["llmflow.moderation.flagged"] = any(result.get("flagged") for result in results)
        attributes["llmflow.moderation.categories"] = sorted({name for result in results for name in _flagged(result)})
        reading.output = [{"role": "assistant", "parts": [_verdict(result) for result in results]}]


def _flagged(result: Mapping[str, Any]) -> list[str]:
    return [name for name, is_so in mapping(result.get("categories")).items() if is_so]


def _verdict(result: Mapping[str, Any]) -> JSON:
    scores = result.get("category_scores")
    return {"type": "moderation", "flagged": result.get("flagged"), "categories": _flagged(result), "scores": scores}


EMBEDDINGS = Shape("embeddings", read_embeddings_request, read_embeddings_response, never_streamed, bulky=True)
MODERATIONS = Shape(None, read_moderations_request, read_moderations_response, never_streamed)
