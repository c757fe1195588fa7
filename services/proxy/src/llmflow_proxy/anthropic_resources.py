"""What Anthropic keeps under an id (message batches, files, models), and its token counting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from llmflow_proxy import anthropic_messages
from llmflow_proxy.batches import apart_of
from llmflow_proxy.shape import Reading, Shape, dicts, mapping, never_streamed

#: Members of these objects that are recorded, as `llmflow.resource.<name>`. What else they hold is content.
_FACTS = (
    "id", "type", "processing_status", "created_at", "ended_at", "expires_at", "filename", "mime_type", "size_bytes",
    "downloadable", "display_name", "has_more", "first_id", "last_id",
)  # fmt: skip


def read_request(body: dict[str, Any], reading: Reading) -> None:
    """How many requests a batch has and for which models, or the file that is sent."""
    requests = dicts(body.get("requests"))
    models = {str(model) for request in requests if (model := mapping(request.get("params")).get("model"))}
    reading.attributes["llmflow.resource.requests"] = len(requests) or None
    reading.attributes["llmflow.resource.models"] = sorted(models) or None
    _read_file(mapping(body.get("file")), "request", reading)


def read_response(body: dict[str, Any], reading: Reading) -> None:
    """What there is now, how many there are of a list, or the file that was fetched."""
    attributes = reading.attributes
    facts = {name: body[name] for name in _FACTS if isinstance(body.get(name), (str, int, float))}
    attributes.update({f"llmflow.resource.{name}": value for name, value in facts.items()})
    for name, count in mapping(body.get("request_counts")).items():
        attributes[f"llmflow.resource.request_counts.{name}"] = count
    if isinstance(body.get("data"), list):
        attributes["llmflow.resource.count"] = len(body["data"])
    _read_file(mapping(body.get("file")), "response", reading)


def _read_file(file: Mapping[str, Any], side: str, reading: Reading) -> None:
    for name in ("name", "mime_type", "size", "digest"):
        if file.get(name) is not None:
            reading.attributes[f"llmflow.{side}.file.{name}"] = file[name]


def results(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """How the requests of a batch ended, and what its messages say of themselves, from the lines of its results."""
    counts = Counter[str]()
    messages = []
    for event in events:
        result = mapping(event.get("result"))
        counts[str(result.get("type"))] += 1
        if message := mapping(result.get("message")):
            messages.append({name: value for name, value in message.items() if name != "content"})
    return {"request_counts": dict(counts), "messages": messages}


def read_results(body: dict[str, Any], reading: Reading) -> None:
    """How the requests of a batch ended; its calls set apart, as one of each price. Nothing says when they were made,
    so that the store alone knows them again when the results are asked for again."""
    read_response(body, reading)
    batch = reading.attributes.get("llmflow.resource.id")
    if isinstance(batch, str):
        reading.apart = apart_of(batch, None, None, _calls(body))


def _calls(body: Mapping[str, Any]) -> Iterator[Reading]:
    for message in dicts(body.get("messages")):
        call = Reading({"gen_ai.operation.name": "chat", "gen_ai.request.model": message.get("model")})
        anthropic_messages.read_response(message, call)
        yield call
        yield from (advice.reading for advice in call.apart if advice.reading)


def read_count(body: dict[str, Any], reading: Reading) -> None:
    """The count, which is no usage: nothing was generated."""
    reading.attributes["llmflow.counted.input_tokens"] = body.get("input_tokens")


_RESOURCE = Shape(None, read_request, read_response, never_streamed, methods=frozenset())
_PATHS = {
    "/messages/batches": ("", "/{id}", "/{id}/cancel"),
    "/files": ("", "/{id}", "/{id}/content"),
    "/models": ("", "/{id}"),
}

#: By path below /v1.
SHAPES = {
    "/messages": anthropic_messages.SHAPE,
    "/messages/count_tokens": Shape(None, anthropic_messages.read_request, read_count, never_streamed),
    "/messages/batches/{id}/results": Shape(None, read_request, read_results, results, methods=frozenset({"GET"})),
    **{base + below: _RESOURCE for base, belows in _PATHS.items() for below in belows},
}
