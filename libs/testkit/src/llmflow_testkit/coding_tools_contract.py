"""What every `Store` promises of AI command-line tools: their sums and sessions, from the logs and metrics that they
send. A subclass of `CodingToolsContract` in a test module runs on every kind of database."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from llmflow_core.coding_tools import Decision, EventKind
from llmflow_core.metrics import MetricType, Temporality
from llmflow_store import Store
from llmflow_store.signals import CodingSessionQuery
from llmflow_testkit.signals import make_coding_log, make_log, make_point
from llmflow_testkit.spans import NOON, NOON_NS, make_generation
from llmflow_testkit.store_suite import StoreSuite

SECOND = 1_000_000_000
MINUTE = timedelta(minutes=1)
SESSION = "s-1"


class CodingToolsContract(StoreSuite):
    """The suite."""

    async def test_coding_tools_are_summed_up_from_their_events(self, store: Store) -> None:
        logs = [
            make_coding_log(EventKind.PROMPT),
            make_coding_log(EventKind.REQUEST, cache_read_tokens=800),
            make_coding_log(EventKind.REQUEST, cost=None, session_id="s-2", user_id="bob", time_ns=NOON_NS + SECOND),
            make_coding_log(EventKind.TOOL_DECISION, decision=Decision.ACCEPT),
            make_coding_log(EventKind.TOOL_DECISION, decision=Decision.REJECT),
            make_coding_log(EventKind.TOOL_RESULT, success=False),
            make_coding_log(EventKind.ERROR, error="overloaded"),
            make_coding_log(EventKind.OTHER, session_id=None),
            make_coding_log(EventKind.REQUEST, tool="codex", time_ns=NOON_NS - SECOND),
            make_log(),
        ]
        await store.write_logs(logs)
        claude, codex = await store.coding_tools("default")
        assert (claude.tool, claude.sessions, claude.users) == ("claude_code", 2, 2)
        usage = claude.usage
        assert (usage.prompts, usage.requests, usage.errors, usage.unpriced_count) == (1, 2, 1, 1)
        assert (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens) == (2000, 100, 800)
        assert (usage.accepted, usage.rejected, usage.tool_calls, usage.failed_tool_calls) == (1, 1, 1, 1)
        assert (usage.cost, codex.usage.cost) == (Decimal("0.01"), Decimal("0.01"))
        assert [tool.tool for tool in await store.coding_tools("default", from_time=NOON)] == ["claude_code"]
        assert await store.coding_tools("other") == []

    async def test_a_coding_tool_without_events_is_summed_up_from_its_metrics(self, store: Store) -> None:
        used: dict[str, Any] = {
            "name": "claude_code.token.usage",
            "resource_attributes": {"service.name": "claude-code"},
        }
        lines: dict[str, Any] = {
            "name": "claude_code.lines_of_code.count",
            "attributes": {"type": "added", "session.id": "s-1"},
        }
        points = [
            make_point(1, name="claude_code.session.count", attributes={"session.id": "s-1", "user.id": "ada"}),
            make_point(0.25, name="claude_code.cost.usage", attributes={"session.id": "s-1"}),
            *(
                make_point(value, attributes={"type": kind, "session.id": session}, **used)
                for kind, value, session in (("input", 100, "s-1"), ("cacheRead", 20, "s-2"), ("output", 7, "s-1"))
            ),
            make_point(4, **lines),
            make_point(2, at=1, **lines),
        ]
        total: dict[str, Any] = {
            "type": MetricType.SUM,
            "temporality": Temporality.CUMULATIVE,
            "start_time_ns": NOON_NS - SECOND,
        }
        calls: dict[str, Any] = {
            "name": "gemini_cli.tool.call.count",
            "attributes": {"success": False, "decision": "auto_accept"},
        }
        points += [make_point(3, **total, **calls), make_point(5, at=60, **total, **calls)]
        await store.write_metrics(points)
        claude, gemini = await store.coding_tools("default")
        assert (claude.tool, claude.source, claude.sessions, claude.users) == ("claude_code", "metrics", 2, 1)
        usage = claude.usage
        assert (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens) == (120, 20, 7)
        assert (usage.cost, usage.unpriced_count, usage.prompts) == (Decimal("0.25"), 0, 0)
        assert (claude.work.lines_added, claude.work.lines_removed) == (6, None)
        assert claude.last_time_ns == (NOON_NS + SECOND) // 1000 * 1000
        assert (gemini.usage.tool_calls, gemini.usage.failed_tool_calls, gemini.usage.accepted) == (5, 5, 5)
        (late,) = await store.coding_tools("default", from_time=NOON + MINUTE)
        assert (late.tool, late.usage.tool_calls) == ("gemini_cli", 2)
        assert await store.coding_tools("default", to_time=NOON - MINUTE) == []

        await store.write_logs([make_coding_log(EventKind.PROMPT)])
        claude = (await store.coding_tools("default"))[0]
        assert (claude.source, claude.usage.prompts, claude.usage.input_tokens) == ("events", 1, 0)
        assert claude.work.lines_added == 6

    async def test_coding_sessions_meet_their_traces_without_adding_costs(self, store: Store) -> None:
        await store.write_logs(
            [
                make_coding_log(EventKind.REQUEST),
                make_coding_log(EventKind.REQUEST, model="claude-haiku-4-5", time_ns=NOON_NS + SECOND),
                make_coding_log(EventKind.PROMPT, session_id="s-2", time_ns=NOON_NS + 2 * SECOND),
                make_coding_log(EventKind.PROMPT, session_id="s-3", tool="codex", time_ns=NOON_NS - SECOND),
            ]
        )
        await store.write_spans([make_generation(session_id=SESSION), make_generation(session_id=SESSION)])
        first = await store.coding_sessions(CodingSessionQuery(project="default", limit=2))
        second = await store.coding_sessions(CodingSessionQuery(project="default", limit=2, after=first.next))
        assert [session.session_id for session in (*first.sessions, *second.sessions)] == ["s-2", SESSION, "s-3"]
        assert second.next is None
        session = first.sessions[1]
        assert (session.usage.cost, session.span_cost, session.trace_count) == (
            Decimal("0.02"),
            Decimal("0.01145000002"),
            2,
        )
        assert session.models == ["claude-haiku-4-5", "claude-sonnet-4-5"]
        only = await store.coding_sessions(CodingSessionQuery(project="default", tool="codex", user_id="ada"))
        assert [session.session_id for session in only.sessions] == ["s-3"]
        assert (only.sessions[0].usage.cost, only.sessions[0].span_cost) == (None, None)
