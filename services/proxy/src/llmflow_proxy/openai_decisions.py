"""OpenAI's decisions (POST /v1/decisions): many short questions about one input."""

from __future__ import annotations

from typing import Any

from llmflow_core.spans import JSON
from llmflow_proxy import openai_responses
from llmflow_proxy.media import by_reference
from llmflow_proxy.shape import Reading, Shape, dicts, mapping, never_streamed


def read_request(body: dict[str, Any], reading: Reading) -> None:
    """Model, input and questions of a request body."""
    openai_responses.read_request(body, reading)
    attributes, questions = reading.attributes, dicts(body.get("questions"))
    attributes["openai.api.type"] = "decisions"
    attributes["gen_ai.output.type"] = "json"
    attributes["llmflow.request.questions.count"] = len(questions)
    if questions:
        parts: list[JSON] = [{"type": "questions", "questions": by_reference(questions)}]
        reading.input.append({"role": "user", "parts": parts})


def read_response(body: dict[str, Any], reading: Reading) -> None:
    """Answers and usage of a response body. Only the input is charged for, cached or not."""
    attributes, usage = reading.attributes, mapping(body.get("usage"))
    attributes["gen_ai.response.model"] = body.get("model")
    attributes["gen_ai.usage.input_tokens"] = usage.get("input_tokens")
    attributes["llmflow.usage.uncharged.output_tokens"] = usage.get("output_tokens")
    if answers := dicts(body.get("answers")):
        parts: list[JSON] = [{"type": "answers", "answers": by_reference(answers)}]
        reading.output = [{"role": "assistant", "parts": parts}]


SHAPE = Shape("generate_content", read_request, read_response, never_streamed)
