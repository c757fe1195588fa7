"""The fake Gemini's batches. It invents those it is asked for: all have ended, with two answers and a failure."""

from __future__ import annotations

import json
import time
from typing import Any

from llmflow_testkit.providers.replies import Reply, identity, json_reply

MODEL = "gemini-2.5-flash"
_BEGAN = time.time() - 100
_TYPE = "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch"
_USAGE = {
    "promptTokenCount": 1_000,
    "candidatesTokenCount": 200,
    "thoughtsTokenCount": 300,
    "totalTokenCount": 1_500,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 1_000}],
}


def reply(method: str, rest: str, body: bytes, headers: list[tuple[str, str]]) -> Reply:
    """Answer a call of `/v1beta/batches<rest>`, or of a model's batchGenerateContent with `rest` its name."""
    match method, rest:
        case "GET", "":
            return json_reply(200, headers, {"operations": [_ended("batches/1", with_answers=False)]})
        case "GET", _:
            return json_reply(200, headers, _ended(f"batches{rest}", with_answers=True))
        case "POST", _ if not rest.startswith("/"):
            requests = json.loads(body)["batch"]["inputConfig"]["requests"]["requests"]
            count = str(len(requests))
            stats = {"requestCount": count, "pendingRequestCount": count}
            name = f"batches/{identity('')}"
            metadata = _metadata(name) | {"model": f"models/{rest}", "state": "BATCH_STATE_PENDING"}
            return json_reply(200, headers, {"name": name, "metadata": metadata | {"batchStats": stats}})
    return json_reply(200, headers, {})


def _ended(name: str, *, with_answers: bool) -> dict[str, Any]:
    content = {"parts": [{"text": "It is so."}], "role": "model"}
    answer = {
        "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
        "usageMetadata": _USAGE,
        "modelVersion": MODEL,
        "responseId": "r-1",
    }
    failure = {"error": {"code": 13, "message": "Internal error encountered."}}
    output = {"inlinedResponses": {"inlinedResponses": [{"response": answer}, {"response": answer}, failure]}}
    stats = {"requestCount": "3", "successfulRequestCount": "2", "failedRequestCount": "1"}
    metadata = _metadata(name) | {"endTime": _time(90), "batchStats": stats, "state": "BATCH_STATE_SUCCEEDED"}
    operation = {"name": name, "metadata": metadata, "done": True}
    if with_answers:
        metadata["output"] = output
        operation["response"] = {"@type": _TYPE.removesuffix("Batch") + "BatchOutput", **output}
    return operation


def _metadata(name: str) -> dict[str, Any]:
    return {
        "@type": _TYPE,
        "model": f"models/{MODEL}",
        "displayName": "nightly",
        "createTime": _time(0),
        "updateTime": _time(90),
        "name": name,
    }


def _time(seconds: float) -> str:
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(_BEGAN + seconds))
    return f"{at}.827892252Z"
