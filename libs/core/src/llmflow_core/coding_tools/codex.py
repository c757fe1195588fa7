"""Codex CLI's log events and metrics, as its configuration guide lists them
(https://developers.openai.com/codex/config-advanced).

The tokens of a call come with the last event of its stream, which is there twice: once as it was received, without
tokens. Numbers often come as text. It states no cost.
"""

from __future__ import annotations

from collections.abc import Mapping

from llmflow_core.coding_tools.events import CodingTool, Decision, EventKind, MetricPart, flag, milliseconds, one_of
from llmflow_core.conventions.values import count, text
from llmflow_core.spans import JSON

_DECISIONS = {
    "approved": Decision.ACCEPT,
    "approved_for_session": Decision.ACCEPT,
    "approved_execpolicy_amendment": Decision.ACCEPT,
    "approved_with_amendment": Decision.ACCEPT,
    "denied": Decision.REJECT,
    "abort": Decision.REJECT,
    "timed_out": Decision.REJECT,
}


def _kind(kind: EventKind, attributes: Mapping[str, JSON]) -> EventKind:
    if kind is not EventKind.OTHER:
        return kind
    if attributes.get("event.kind") == "response.completed" and "input_token_count" in attributes:
        return EventKind.REQUEST
    return EventKind.ERROR if "error.message" in attributes else kind


_TOKENS = "codex.turn.token_usage"
_CALLS = "codex.tool.call"

TOOL = CodingTool(
    name="codex",
    prefix="codex.",
    provider="openai",
    kinds={
        "conversation_starts": EventKind.SESSION_START,
        "user_prompt": EventKind.PROMPT,
        "tool_decision": EventKind.TOOL_DECISION,
        "tool_result": EventKind.TOOL_RESULT,
    },
    kind=_kind,
    fields={
        "session_id": (("conversation.id",), text),
        "user_id": (("user.email", "user.account_id"), text),
        "model": (("model",), text),
        "input_tokens": (("input_token_count",), count),
        "output_tokens": (("output_token_count",), count),
        "cache_read_tokens": (("cached_token_count",), count),
        "cache_write_tokens": (("cache_write_token_count",), count),
        "reasoning_tokens": (("reasoning_token_count",), count),
        "duration_ns": (("duration_ms",), milliseconds),
        "tool_name": (("tool_name",), text),
        "decision": (("decision",), one_of(_DECISIONS)),
        "decision_source": (("source",), text),
        "success": (("success",), flag),
        "error": (("error.message",), text),
    },
    metrics={
        "sessions": (MetricPart("codex.thread.started"),),
        "input_tokens": (MetricPart(_TOKENS, {"token_type": "input"}),),
        "output_tokens": (MetricPart(_TOKENS, {"token_type": "output"}),),
        "cache_read_tokens": (MetricPart(_TOKENS, {"token_type": "cached_input"}),),
        "cache_write_tokens": (MetricPart(_TOKENS, {"token_type": "cache_write_input"}),),
        "reasoning_tokens": (MetricPart(_TOKENS, {"token_type": "reasoning_output"}),),
        "tool_calls": (MetricPart(_CALLS),),
        "failed_tool_calls": (MetricPart(_CALLS, {"success": "false"}),),
    },
)
