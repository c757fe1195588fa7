"""Attributes that are no content, and may quote some: errors repeat what they failed on, parameters hold instructions
and tools, a log line what was said. They stay beside a span's facts, but not where content must not go."""

from __future__ import annotations

_QUOTING = frozenset(
    {
        "ai.response.providerMetadata",
        "ai.schema",
        "embedding.invocation_parameters",
        "error",
        "error.message",
        "error.stack_trace",
        "exception.message",
        "exception.stacktrace",
        "gen_ai.evaluation.explanation",
        "gen_ai.tool.description",
        "gen_ai.tool.json_schema",
        "http.request.body",
        "http.response.body",
        "langfuse.observation.model.parameters",
        "langfuse.observation.status_message",
        "langsmith.metadata.ls_invocation_params",
        "llm.invocation_parameters",
        "logfire.msg",
        "mlflow.chunk.value",
        "tool.description",
        "tool.json_schema",
        "tool.parameters",
        "url.query",
    }
)
_JUDGEMENTS = ("annotations.", "evaluations.")
_EXPLANATION = ".explanation"


def may_quote_content(attribute: str) -> bool:
    """Whether an attribute of this name, of a span or of an event, may repeat a prompt, a completion or the like."""
    return attribute in _QUOTING or (attribute.startswith(_JUDGEMENTS) and attribute.endswith(_EXPLANATION))
