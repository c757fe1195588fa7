"""The log events of AI command-line tools: as recorded from the tools, and those documented that a recording lacks."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from llmflow_core.coding_tools import CodingEvent, Decision, EventKind, coding_event
from llmflow_core.logs import LogRecord, logs_of
from llmflow_core.metrics import metric_points_of
from llmflow_core.otlp_checks import check_logs, check_metrics
from llmflow_testkit.recorded_coding_tools import recorded_logs, recorded_metrics


def read(tool: str) -> list[tuple[LogRecord, CodingEvent]]:
    """The recorded records of a tool that are events of its."""
    request = recorded_logs(tool)
    assert check_logs(request) == []
    records = logs_of(request, place=b"here", received_ns=1)
    return [(record, record.coding) for record in records if record.coding is not None]


def one(tool: str, name: str) -> CodingEvent:
    """The first event of that name."""
    return next(event for record, event in read(tool) if record.event_name == name)


def test_claude_code_tells_a_whole_session() -> None:
    found = read("claude_code")
    names = [record.event_name for record, _ in found]
    assert names[:2] == ["claude_code.user_prompt", "claude_code.tool_decision"]
    assert {record.session_id for record, _ in found} == {event.session_id for _, event in found}
    assert len({record.session_id for record, _ in found}) == 1
    assert all(record.service == "claude-code" and record.user_id for record, _ in found)
    prompt, decision, result, request, *_ = (event for _, event in found)
    assert prompt.kind is EventKind.PROMPT
    assert (decision.kind, decision.tool_name, decision.decision) == (EventKind.TOOL_DECISION, "Agent", Decision.ACCEPT)
    assert decision.decision_source == "config"
    assert (result.kind, result.tool_name, result.success) == (EventKind.TOOL_RESULT, "Agent", False)
    assert result.duration_ns is not None
    assert (request.kind, request.model, request.provider) == (
        EventKind.REQUEST,
        "claude-sonnet-4-5-20250929",
        "anthropic",
    )
    attributes = next(record.attributes for record, event in found if event is request)
    assert request.input_tokens == sum(
        attributes[name] for name in ("input_tokens", "cache_read_tokens", "cache_creation_tokens")
    )
    assert (request.cache_read_tokens, request.output_tokens) == (attributes["cache_read_tokens"], 58)
    assert request.cost == Decimal(str(attributes["cost_usd"]))
    assert request.duration_ns == attributes["duration_ms"] * 1_000_000


def test_codex_counts_a_call_once() -> None:
    found = read("codex")
    requests = [event for _, event in found if event.kind is EventKind.REQUEST]
    assert [(event.output_tokens, event.cache_read_tokens, event.reasoning_tokens) for event in requests] == [
        (89, 9216, 0),
        (requests[1].output_tokens, 9216, 0),
    ]
    assert all(event.input_tokens is not None and event.input_tokens > 9216 for event in requests)
    assert (requests[0].model, requests[0].provider, requests[0].cost) == ("gpt-5-codex", "openai", None)
    assert one("codex", "codex.conversation_starts").kind is EventKind.SESSION_START
    assert one("codex", "codex.user_prompt").kind is EventKind.PROMPT
    decision, result = one("codex", "codex.tool_decision"), one("codex", "codex.tool_result")
    assert (decision.tool_name, decision.decision, decision.decision_source) == (
        "exec_command",
        Decision.ACCEPT,
        "Config",
    )
    assert (result.success, result.tool_name) == (True, "exec_command")
    assert result.duration_ns is not None
    sessions = {record.session_id for record, _ in found}
    assert len(sessions) == 1
    assert None not in sessions
    assert any(record.trace_id for record, _ in found)
    # Codex states only when it observed an event.
    assert all(record.time_ns == record.observed_time_ns for record, _ in found)


def test_gemini_cli_counts_thoughts_as_output() -> None:
    found = read("gemini_cli")
    requests = [(record, event) for record, event in found if event.kind is EventKind.REQUEST]
    assert len(requests) == 2
    record, event = requests[0]
    assert (event.model, event.provider, event.cost) == ("gemini-2.0-flash-001", "gcp.gemini", None)
    assert (event.output_tokens, event.reasoning_tokens) == (86, 40)
    assert event.input_tokens == record.attributes["input_token_count"]
    tool = one("gemini_cli", "gemini_cli.tool_call")
    assert (tool.kind, tool.tool_name, tool.decision, tool.success) == (
        EventKind.TOOL_RESULT,
        "update_topic",
        Decision.ACCEPT,
        True,
    )
    assert one("gemini_cli", "gemini_cli.config").kind is EventKind.SESSION_START
    records = logs_of(recorded_logs("gemini_cli"), place=b"here", received_ns=1)
    details = [r for r in records if r.event_name == "gen_ai.client.inference.operation.details"]
    assert len(details) == 4
    assert all(r.coding is None and r.session_id == record.session_id for r in details)


@pytest.mark.parametrize(
    ("name", "attributes", "expected"),
    [
        (
            "claude_code.api_error",
            {"model": "m", "error": "overloaded", "status_code": "529", "duration_ms": "7", "attempt": "3"},
            {"kind": EventKind.ERROR, "error": "overloaded", "model": "m", "duration_ns": 7_000_000},
        ),
        (
            "claude_code.tool_decision",
            {"tool_name": "Bash", "decision": "reject", "source": "user_reject", "organization.id": "o"},
            {"kind": EventKind.TOOL_DECISION, "decision": Decision.REJECT, "organization_id": "o"},
        ),
        (
            "claude_code.api_request",
            {"user.id": "hash", "user.email": "ada@example.com", "input_tokens": "3", "cost_usd": "0.25"},
            {"kind": EventKind.REQUEST, "user_id": "ada@example.com", "input_tokens": 3, "cost": Decimal("0.25")},
        ),
        (
            "codex.tool_decision",
            {"tool_name": "shell", "decision": "Denied", "source": "User"},
            {"kind": EventKind.TOOL_DECISION, "decision": Decision.REJECT, "decision_source": "User"},
        ),
        (
            "codex.api_request",
            {"error.message": "unreachable", "duration_ms": "x"},
            {"kind": EventKind.ERROR, "error": "unreachable", "duration_ns": None},
        ),
        ("codex.sse_event", {"event.kind": "response.completed"}, {"kind": EventKind.OTHER}),
        (
            "gemini_cli.api_error",
            {"error": "quota", "status_code": 429, "duration_ms": 1.5},
            {"kind": EventKind.ERROR, "error": "quota", "duration_ns": 1_500_000},
        ),
        (
            "gemini_cli.tool_call",
            {"function_name": "run", "decision": "modify", "success": False, "error": "no"},
            {"kind": EventKind.TOOL_RESULT, "decision": Decision.ACCEPT, "success": False, "error": "no"},
        ),
        ("gemini_cli.something_new", {"session.id": "s"}, {"kind": EventKind.OTHER, "session_id": "s"}),
    ],
)
def test_documented_events_are_read(name: str, attributes: dict[str, Any], expected: dict[str, Any]) -> None:
    found = coding_event(name, "", attributes)
    assert found is not None
    assert found[0] == name
    assert {field: getattr(found[1], field) for field in expected} == expected


@pytest.mark.parametrize("name", ["checkout", "api_request", "codex", "claude_code", "codex.tool result"])
def test_other_events_are_none_of_a_tool(name: str) -> None:
    assert coding_event(name, "", {"session.id": "s"}) is None


@pytest.mark.parametrize(
    ("tool", "name", "attribute"),
    [
        ("claude_code", "claude_code.cost.usage", "model"),
        ("codex", "codex.turn.token_usage", "token_type"),
        ("gemini_cli", "gemini_cli.token.usage", "type"),
    ],
)
def test_recorded_metrics_are_read(tool: str, name: str, attribute: str) -> None:
    request = recorded_metrics(tool)
    assert check_metrics(request) == []
    points = [point for point in metric_points_of(request) if point.series.name == name]
    assert points
    assert all(attribute in point.series.attributes and point.time_ns for point in points)
    assert all(point.value is not None or point.sum is not None for point in points)
