"""The fake OpenAI's legacy completions, embeddings and moderations."""

from __future__ import annotations

import base64
import hashlib
import struct
import time
from typing import Any

from llmflow_testkit.providers.openai_wire import SERVER_ERROR, events, missing, ok
from llmflow_testkit.providers.replies import Options, Reply, answer, event, identity, tokens

_DIMENSIONS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}
_CATEGORIES = ("harassment", "hate", "illicit", "self-harm", "sexual", "violence", "violence/graphic")


def complete(request: dict[str, Any], options: Options) -> Reply:
    """Answer POST /v1/completions."""
    if "prompt" not in request:
        return missing("prompt")
    prompts = _inputs(request["prompt"])
    answers = [answer(prompt if isinstance(prompt, str) else "", None, {}, options) for prompt in prompts]
    asked, spent = _tokens(prompts), sum(tokens(said.text) for said in answers)
    usage = {"prompt_tokens": asked, "completion_tokens": spent, "total_tokens": asked + spent}
    head = {"id": identity("cmpl-"), "object": "text_completion", "created": int(time.time())}
    head["model"] = request["model"]

    def choice(index: int, text: str, finish: str | None) -> dict[str, Any]:
        return {"text": text, "index": index, "logprobs": None, "finish_reason": finish}

    if not request.get("stream"):
        choices = [choice(index, said.text, "stop") for index, said in enumerate(answers)]
        return ok({**head, "choices": choices, "usage": usage})
    chunks = [
        event({**head, "choices": [choice(index, piece, None)]})
        for index, said in enumerate(answers)
        for piece in said.pieces
    ]
    chunks += [event({**head, "choices": [choice(index, "", "stop")]}) for index in range(len(answers))]
    if (request.get("stream_options") or {}).get("include_usage"):
        chunks.append(event({**head, "choices": [], "usage": usage}))
    if options.stream_error:
        broken = {"error": {"message": SERVER_ERROR, "type": "server_error", "param": None, "code": None}}
        chunks = [*chunks[: options.stream_error], event(broken)]
    return events([*chunks, event("[DONE]")])


def embed(request: dict[str, Any], options: Options) -> Reply:
    """Answer POST /v1/embeddings: the same text has the same vector."""
    if "input" not in request:
        return missing("input")
    inputs = _inputs(request["input"])
    length = request.get("dimensions") or _DIMENSIONS.get(request["model"], 1536)
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": _vector(str(text), length, request.get("encoding_format") == "base64"),
        }
        for index, text in enumerate(inputs)
    ]
    asked = _tokens(inputs)
    usage = {"prompt_tokens": asked, "total_tokens": asked}
    return ok({"object": "list", "data": data, "model": request["model"], "usage": usage})


def moderate(request: dict[str, Any], options: Options) -> Reply:
    """Answer POST /v1/moderations: what speaks of killing is violence."""
    if "input" not in request:
        return missing("input")
    inputs = _inputs(request["input"])
    if inputs and isinstance(inputs[0], dict):
        inputs = [" ".join(part.get("text", "") for part in inputs)]
    model = request.get("model") or "omni-moderation-latest"
    return ok({"id": identity("modr-"), "model": model, "results": [_verdict(str(text)) for text in inputs]})


def _inputs(value: Any) -> list[Any]:
    """One text, several, one as tokens, or several as tokens."""
    return value if isinstance(value, list) and not (value and isinstance(value[0], int)) else [value]


def _tokens(inputs: list[Any]) -> int:
    return sum(len(text) if isinstance(text, list) else tokens(text) for text in inputs)


def _vector(text: str, length: int, as_base64: bool) -> list[float] | str:
    digest = hashlib.sha256(text.encode()).digest()
    values = [(digest[n % len(digest)] - 128) / 1000 for n in range(length)]
    return base64.b64encode(struct.pack(f"<{length}f", *values)).decode() if as_base64 else values


def _verdict(text: str) -> dict[str, Any]:
    violent = "kill" in text
    flagged = {name: violent and name == "violence" for name in _CATEGORIES}
    scores = {name: 0.98 if is_so else 0.0001 for name, is_so in flagged.items()}
    kinds: dict[str, list[str]] = {name: ["text"] for name in _CATEGORIES}
    return {
        "flagged": violent, "categories": flagged, "category_scores": scores, "category_applied_input_types": kinds
    }  # fmt: skip
