"""OpenAI's batches: what their calls took, which the batch says once it has ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmflow_core.spans import CALLS_OF_BATCH
from llmflow_proxy.shape import Apart, Reading, mapping, unix_ns

#: The statuses that a batch keeps, and when it came to each.
_ENDED = {"completed": "completed_at", "failed": "failed_at", "expired": "expired_at", "cancelled": "cancelled_at"}
#: What the calls of a batch do, by the end of its endpoint, where that is not a chat.
_OPERATIONS = {
    "/embeddings": "embeddings",
    "/chat/completions": "chat",
    "/completions": "text_completion",
    "/images/generations": "generate_content",
    "/images/edits": "generate_content",
    "/videos": "generate_content",
}


def read_batch(body: Mapping[str, Any], reading: Reading) -> None:
    """Set the calls of a batch apart, as one: whoever asks for it, and however often, they count once. One that has not
    ended may state a usage that is not yet its last."""
    identity, status, began = body.get("id"), str(body.get("status")), unix_ns(body.get("created_at"))
    usage = mapping(body.get("usage"))
    if not isinstance(identity, str) or status not in _ENDED or began is None:
        return
    if not usage.get("input_tokens") and not usage.get("output_tokens"):
        return
    endpoint = str(body.get("endpoint"))
    calls = Reading()
    attributes = calls.attributes
    operations = (operation for end, operation in _OPERATIONS.items() if endpoint.endswith(end))
    attributes["gen_ai.operation.name"] = next(operations, "chat")
    attributes["gen_ai.request.model"] = attributes["gen_ai.response.model"] = body.get("model")
    attributes["gen_ai.response.id"] = identity
    attributes["gen_ai.response.finish_reasons"] = [status]
    attributes["openai.response.service_tier"] = "batch"
    attributes[CALLS_OF_BATCH] = mapping(body.get("request_counts")).get("completed")
    attributes["gen_ai.usage.input_tokens"] = usage.get("input_tokens")
    attributes["gen_ai.usage.output_tokens"] = usage.get("output_tokens")
    cached = mapping(usage.get("input_tokens_details")).get("cached_tokens")
    thought = mapping(usage.get("output_tokens_details")).get("reasoning_tokens")
    attributes["gen_ai.usage.cache_read.input_tokens"] = cached
    attributes["gen_ai.usage.reasoning.output_tokens"] = thought
    reading.apart.append(Apart(identity, began, unix_ns(body.get(_ENDED[status])) or began, calls, batch=True))
