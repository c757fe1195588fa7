"""What OpenAI keeps under an id (files, batches, uploads, models, stored responses, ...): what was done to which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmflow_proxy import openai_batches, openai_responses
from llmflow_proxy.shape import Reading, Shape, dicts, mapping, never_streamed

#: Members of these objects that are recorded, as `llmflow.resource.<name>`. What else they hold is content.
_FACTS = (
    "id", "object", "status", "purpose", "filename", "bytes", "mime_type", "endpoint", "completion_window", "model",
    "owned_by", "input_file_id", "output_file_id", "error_file_id", "upload_id", "created_at", "expires_at", "deleted",
    "has_more", "first_id", "last_id", "input_tokens",
)  # fmt: skip
_FILE_FIELDS = ("file", "data")


def read_request(body: dict[str, Any], reading: Reading) -> None:
    """What is to be made, and the file that is sent, by name, type, size and digest."""
    _read_facts(body, reading)
    for name in _FILE_FIELDS:
        _read_file(mapping(body.get(name)), "request", reading)


def read_response(body: dict[str, Any], reading: Reading) -> None:
    """What there is now, how many there are of a list, or the file that was fetched."""
    _read_facts(body, reading)
    attributes = reading.attributes
    if isinstance(body.get("data"), list):
        attributes["llmflow.resource.count"] = len(body["data"])
    for name, count in mapping(body.get("request_counts")).items():
        attributes[f"llmflow.resource.request_counts.{name}"] = count
    if "object" not in body:
        _read_file(mapping(body.get("file")), "response", reading)
    if mistakes := dicts(mapping(body.get("errors")).get("data")):
        attributes["llmflow.resource.errors"] = [str(mistake.get("message")) for mistake in mistakes]


def _read_stored_response(body: dict[str, Any], reading: Reading) -> None:
    read_response(body, reading)
    openai_responses.read_background(body, reading)


def _read_batches(body: dict[str, Any], reading: Reading) -> None:
    read_response(body, reading)
    for batch in [body, *dicts(body.get("data"))]:
        if batch.get("object") == "batch":
            openai_batches.read_batch(batch, reading)


def _read_facts(body: Mapping[str, Any], reading: Reading) -> None:
    facts = {name: body[name] for name in _FACTS if isinstance(body.get(name), (str, int, float))}
    reading.attributes.update({f"llmflow.resource.{name}": value for name, value in facts.items()})


def _read_file(file: Mapping[str, Any], side: str, reading: Reading) -> None:
    for name in ("name", "mime_type", "size", "digest"):
        if file.get(name) is not None:
            reading.attributes[f"llmflow.{side}.file.{name}"] = file[name]


_SHAPE = Shape(None, read_request, read_response, never_streamed, methods=frozenset())
_STORED_RESPONSE = Shape(None, read_request, _read_stored_response, openai_responses.reassemble, methods=frozenset())
_BATCHES = Shape(None, read_request, _read_batches, never_streamed, methods=frozenset())
_ONE = "/{id}"
_PATHS = {
    "/files": ("", _ONE, f"{_ONE}/content"),
    "/uploads": ("", f"{_ONE}/parts", f"{_ONE}/complete", f"{_ONE}/cancel"),
    "/models": ("", _ONE),
    "/responses": (f"{_ONE}/input_items", "/input_tokens"),
    "/chat/completions": (_ONE, f"{_ONE}/messages"),
    "/conversations": ("", _ONE, f"{_ONE}/items", f"{_ONE}/items/{{item_id}}"),
    "/vector_stores": (
        "", _ONE, f"{_ONE}/search", f"{_ONE}/files", f"{_ONE}/files/{{file_id}}", f"{_ONE}/files/{{file_id}}/content",
        f"{_ONE}/file_batches", f"{_ONE}/file_batches/{{batch_id}}", f"{_ONE}/file_batches/{{batch_id}}/cancel",
        f"{_ONE}/file_batches/{{batch_id}}/files",
    ),
    "/fine_tuning/jobs": (
        "", _ONE, f"{_ONE}/cancel", f"{_ONE}/pause", f"{_ONE}/resume", f"{_ONE}/events", f"{_ONE}/checkpoints"
    ),
    "/assistants": ("", _ONE),
    "/threads": (
        "", "/runs", _ONE, f"{_ONE}/messages", f"{_ONE}/messages/{{message_id}}", f"{_ONE}/runs",
        f"{_ONE}/runs/{{run_id}}", f"{_ONE}/runs/{{run_id}}/cancel", f"{_ONE}/runs/{{run_id}}/steps",
        f"{_ONE}/runs/{{run_id}}/steps/{{step_id}}", f"{_ONE}/runs/{{run_id}}/submit_tool_outputs",
    ),
    "/containers": ("", _ONE, f"{_ONE}/files", f"{_ONE}/files/{{file_id}}", f"{_ONE}/files/{{file_id}}/content"),
    "/evals": ("", _ONE, f"{_ONE}/runs", f"{_ONE}/runs/{{run_id}}", f"{_ONE}/runs/{{run_id}}/output_items"),
    "/videos": ("", _ONE, f"{_ONE}/content", f"{_ONE}/remix"),
}  # fmt: skip
SHAPES = {
    "/responses/{id}": _STORED_RESPONSE,
    "/responses/{id}/cancel": _STORED_RESPONSE,
    **{f"/batches{below}": _BATCHES for below in ("", _ONE, f"{_ONE}/cancel")},
    **{base + below: _SHAPE for base, belows in _PATHS.items() for below in belows},
}
