"""Gemini's batches: what was done to which, and what the calls of those took that have ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmflow_proxy import gemini
from llmflow_proxy.batches import apart_of
from llmflow_proxy.shape import Reading, Shape, dicts, mapping, never_streamed, rfc3339_ns

#: Members of a batch that are recorded, as `llmflow.resource.<name>`.
_FACTS = {
    "name": "name",
    "model": "model",
    "displayName": "display_name",
    "state": "status",
    "createTime": "created_at",
    "endTime": "ended_at",
}
_STATS = {"requestCount": "total", "successfulRequestCount": "completed", "failedRequestCount": "failed"}
_ENDED = ("SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED")


def read_request(body: dict[str, Any], reading: Reading) -> None:
    """How many calls a batch is to make, as far as its request holds them."""
    batch = mapping(body.get("batch"))
    given = mapping(batch.get("inputConfig") or batch.get("input_config"))
    reading.attributes["llmflow.resource.requests"] = len(dicts(mapping(given.get("requests")).get("requests"))) or None


def read_response(body: dict[str, Any], reading: Reading) -> None:
    """How far a batch is, or how many there are of a list; the calls of each that has ended set apart, as one of each
    price: whoever asks for them, and however often, they count once."""
    attributes, batch = reading.attributes, mapping(body.get("metadata"))
    attributes.update({f"llmflow.resource.{name}": batch.get(member) for member, name in _FACTS.items()})
    stats = mapping(batch.get("batchStats"))
    for member, name in _STATS.items():
        attributes[f"llmflow.resource.request_counts.{name}"] = _int(stats.get(member))
    if isinstance(body.get("operations"), list):
        attributes["llmflow.resource.count"] = len(body["operations"])
    for operation in (body, *dicts(body.get("operations"))):
        _read_calls(operation, reading)


def _read_calls(operation: Mapping[str, Any], reading: Reading) -> None:
    batch = mapping(operation.get("metadata"))
    name, began = operation.get("name"), rfc3339_ns(batch.get("createTime"))
    if not isinstance(name, str) or began is None or str(batch.get("state")).rpartition("_STATE_")[2] not in _ENDED:
        return
    ended = rfc3339_ns(batch.get("endTime")) or rfc3339_ns(batch.get("updateTime")) or began
    model = str(batch.get("model") or "").removeprefix("models/") or None
    reading.apart += apart_of(name, began, ended, _calls(operation, model))


def _calls(operation: Mapping[str, Any], model: str | None) -> Iterator[Reading]:
    """Those whose answers are not in a file. They are there twice, or only in the second place."""
    outputs = mapping(operation.get("response")), mapping(mapping(operation.get("metadata")).get("output"))
    inlined = [
        mapping(output.get(name)).get("inlinedResponses")
        for output in outputs
        for name in ("inlinedResponses", "inlinedEmbedContentResponses")
    ]
    for one in dicts(next(filter(None, inlined), None)):
        response = mapping(one.get("response"))
        call = Reading({"gen_ai.request.model": model})
        if "embedding" in response:
            call.attributes["gen_ai.operation.name"] = "embeddings"
            gemini.read_embed_response(dict(response), call)
            count = _int(response.get("tokenCount"))
            if count is not None:
                call.attributes["gen_ai.usage.input_tokens"] = count
        else:
            call.attributes["gen_ai.operation.name"] = "generate_content"
            candidates = [{**candidate, "content": None} for candidate in dicts(response.get("candidates"))]
            gemini.read_response({**response, "candidates": candidates}, call)
        yield call


def _int(count: object) -> int | None:
    """A count, which the API writes as text where it may be long."""
    return int(count) if isinstance(count, int | str) and str(count).isdecimal() else None


_SHAPE = Shape(None, read_request, read_response, never_streamed, methods=frozenset())

#: By path below the version.
SHAPES = {
    "/models/{model}:batchGenerateContent": _SHAPE,
    "/models/{model}:asyncBatchEmbedContent": _SHAPE,
    "/batches": _SHAPE,
    "/batches/{id}:cancel": _SHAPE,
    "/batches/{id}": _SHAPE,
}
