"""The fake OpenAI's files, batches, uploads, models and stored responses. It invents what it is asked for."""

from __future__ import annotations

import json
import re
import time
from typing import Any

from llmflow_testkit.providers.forms import form_of
from llmflow_testkit.providers.openai_wire import error, headers, missing, ok
from llmflow_testkit.providers.replies import Reply, identity

MODELS = ("gpt-4o", "gpt-4o-mini", "gpt-3.5-turbo", "gpt-4", "o3-mini")
#: What every file holds.
CONTENT = b'{"custom_id": "one", "response": {"status_code": 200}}\n{"custom_id": "two", "error": null}\n'
BATCH_MODEL = "gpt-5-mini-2025-08-07"
#: All its batches were created then, long enough ago that they are done.
BATCH_CREATED = int(time.time()) - 100
_ID = re.compile(r"/v1/(\w+)/([^/]+)(/\w+)?")


def reply(method: str, path: str, media_type: str, body: bytes, size: int) -> Reply | None:
    """Answer a call about a resource; None when there is no such API."""
    collection, identifier, action = path.removeprefix("/v1/"), "", ""
    if match := _ID.fullmatch(path):
        collection, identifier, action = match[1], match[2], match[3] or ""
    match method, collection + ("/{id}" if identifier else "") + action:
        case "GET", "models":
            return ok({"object": "list", "data": [_model(model) for model in MODELS]})
        case "GET", "models/{id}":
            return ok(_model(identifier))
        case "DELETE", "models/{id}" | "files/{id}" | "responses/{id}":
            return ok({"id": identifier, "object": collection.rstrip("s"), "deleted": True})
        case "POST", "files":
            return _upload(media_type, body, size)
        case "GET", "files":
            return ok(_page([_file(identity("file-"), "a.jsonl", "batch", 140)]))
        case "GET", "files/{id}":
            return ok(_file(identifier, "a.jsonl", "batch", len(CONTENT)))
        case "GET", "files/{id}/content":
            disposition = ("content-disposition", 'attachment; filename="a.jsonl"')
            return Reply(200, [("content-type", "application/octet-stream"), disposition, *headers()], [CONTENT])
        case "POST", "batches":
            return ok(_batch(identity("batch_"), "validating", json.loads(body)))
        case "GET", "batches":
            return ok(_page([_batch(identity("batch_"), "completed", {})]))
        case "GET", "batches/{id}":
            return ok(_batch(identifier, "completed", {}))
        case "POST", "batches/{id}/cancel":
            return ok(_batch(identifier, "cancelling", {}))
        case "POST", "uploads":
            return ok(_uploaded(identity("upload_"), "pending", json.loads(body)))
        case "POST", "uploads/{id}/parts":
            part = {"id": identity("part_"), "object": "upload.part", "created_at": int(time.time())}
            return ok({**part, "upload_id": identifier})
        case "POST", "uploads/{id}/complete" | "uploads/{id}/cancel":
            return ok(_uploaded(identifier, "completed" if action == "/complete" else "cancelled", {}))
        case "GET", "responses/{id}":
            message = f"Response with id '{identifier}' not found."
            return error(404, message, "invalid_request_error", None)
    return None


def _model(model: str) -> dict[str, Any]:
    return {"id": model, "object": "model", "created": 1715367049, "owned_by": "system"}


def _page(data: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "object": "list", "data": data, "first_id": data[0]["id"], "last_id": data[-1]["id"], "has_more": False
    }  # fmt: skip


def _upload(media_type: str, body: bytes, size: int) -> Reply:
    form = form_of(media_type, body)
    if "file" not in form and len(body) == size and "multipart" in media_type:
        return missing("file")
    sent = form["file"][0] if "file" in form else None
    purpose = form["purpose"][0].text if "purpose" in form else "assistants"
    name, length = (sent.filename or "upload", len(sent.content)) if sent else ("upload.bin", size)
    return ok(_file(identity("file-"), name, purpose, length))


def _file(identifier: str, name: str, purpose: str, size: int) -> dict[str, Any]:
    return {
        "object": "file",
        "id": identifier,
        "purpose": purpose,
        "filename": name,
        "bytes": size,
        "created_at": int(time.time()),
        "expires_at": None,
        "status": "processed",
        "status_details": None,
    }


def _batch(identifier: str, status: str, request: dict[str, Any]) -> dict[str, Any]:
    done = 2 if status == "completed" else 0
    # The API has had the names of chat completions in here as well, and has never filled them in.
    usage: dict[str, Any] = {"completion_tokens": 0, "prompt_tokens": 0, "total_tokens": 3_400 * done}
    usage |= {"completion_tokens_details": None, "prompt_tokens_details": None}
    usage |= {"input_tokens": 3_000 * done, "output_tokens": 400 * done}
    usage |= {"input_tokens_details": {"cached_tokens": 1_000 * done}}
    usage |= {"output_tokens_details": {"reasoning_tokens": 150 * done}}
    return {
        "id": identifier,
        "object": "batch",
        "endpoint": request.get("endpoint", "/v1/chat/completions"),
        "model": BATCH_MODEL if done else None,
        "errors": None,
        "input_file_id": request.get("input_file_id", "file-in"),
        "completion_window": request.get("completion_window", "24h"),
        "status": status,
        "output_file_id": "file-out" if done else None,
        "error_file_id": None,
        "created_at": BATCH_CREATED,
        "in_progress_at": BATCH_CREATED + 1 if status != "validating" else None,
        "expires_at": BATCH_CREATED + 86_400,
        "finalizing_at": BATCH_CREATED + 80 if done else None,
        "completed_at": BATCH_CREATED + 90 if done else None,
        "failed_at": None,
        "expired_at": None,
        "cancelling_at": BATCH_CREATED + 2 if status == "cancelling" else None,
        "cancelled_at": None,
        "request_counts": {"total": 0 if status == "validating" else 2, "completed": done, "failed": 0},
        "usage": usage,
        "metadata": request.get("metadata"),
    }


def _uploaded(identifier: str, status: str, request: dict[str, Any]) -> dict[str, Any]:
    name, size = request.get("filename", "a.jsonl"), request.get("bytes", 140)
    purpose = request.get("purpose", "batch")
    return {
        "id": identifier,
        "object": "upload",
        "bytes": size,
        "created_at": int(time.time()),
        "filename": name,
        "purpose": purpose,
        "status": status,
        "expires_at": int(time.time()) + 3600,
        "file": _file(identity("file-"), name, purpose, size) if status == "completed" else None,
    }
