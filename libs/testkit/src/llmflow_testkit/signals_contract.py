"""What every `Store` promises of logs and metrics. A subclass of `SignalsContract` in a test module runs on
every kind of database."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from llmflow_core.coding_tools import Decision, EventKind
from llmflow_core.errors import Permanent
from llmflow_core.metrics import MetricPoint, MetricType, Temporality
from llmflow_store import Store, WriteResult
from llmflow_store.administration import Actor
from llmflow_store.signals import LogQuery, MetricFunction, MetricInfo, MetricQuery
from llmflow_testkit.signals import make_coding_log, make_log, make_point
from llmflow_testkit.spans import NOON, NOON_NS
from llmflow_testkit.store_suite import StoreSuite

SECOND = 1_000_000_000
MINUTE = timedelta(minutes=1)
SESSION = "s-1"


async def log_ids(store: Store, query: LogQuery) -> list[bytes]:
    """The ids of all records that `query` finds, page by page."""
    found: list[bytes] = []
    while True:
        page = await store.list_logs(query)
        found += [record.id for record in page.logs]
        if page.next is None:
            return found
        query = replace(query, after=page.next)


class SignalsContract(StoreSuite):
    """The suite."""

    async def test_every_field_of_a_log_survives(self, store: Store) -> None:
        full = make_coding_log(
            EventKind.TOOL_DECISION,
            observed_time_ns=NOON_NS + 5,
            severity_number=9,
            severity_text="INFO",
            body={"nested": [1, 2.5, None, "ü"]},
            scope="app",
            scope_version="1.2",
            scope_attributes={"a": 1},
            attributes={"k": "v"},
            resource_attributes={"service.name": "web"},
            dropped_attributes_count=3,
            trace_id=b"t" * 16,
            span_id=b"s" * 8,
            flags=1,
            organization_id="org",
            provider="anthropic",
            model="claude-sonnet-4-5",
            input_tokens=5,
            output_tokens=4,
            cache_read_tokens=3,
            cache_write_tokens=2,
            reasoning_tokens=1,
            cost=Decimal("0.000000125"),
            duration_ns=12_000_000,
            tool_name="Bash",
            decision=Decision.REJECT,
            decision_source="user",
            success=False,
            error="no",
        )
        bare = make_log(time_ns=NOON_NS - 1, body=None)
        assert await store.write_logs([bare, full]) == WriteResult(inserted=2, duplicates=0)
        page = await store.list_logs(LogQuery(project="default"))
        assert (page.logs, page.next) == ([full, bare], None)

    async def test_replayed_logs_change_nothing(self, store: Store) -> None:
        logs = [make_log(time_ns=NOON_NS + n) for n in range(3)]
        assert await store.write_logs([*logs, logs[0]]) == WriteResult(inserted=3, duplicates=1)
        again = [replace(record, body="other") for record in logs]
        assert await store.write_logs([*again, make_log()]) == WriteResult(inserted=1, duplicates=3)
        assert [record.body for record in (await store.list_logs(LogQuery(project="default"))).logs] == ["hello"] * 4
        assert await store.write_logs([]) == WriteResult(inserted=0, duplicates=0)

    async def test_concurrent_writers_store_each_record_once(self, store: Store) -> None:
        logs = [make_log(time_ns=NOON_NS + n) for n in range(200)]
        points = [make_point(n, at=n, attributes={"k": str(n % 7)}) for n in range(200)]
        orders = [logs, logs[::-1], logs[100:] + logs[:100]]
        results = await asyncio.gather(*(store.write_logs(order) for order in orders))
        assert sum(result.inserted for result in results) == 200
        results = await asyncio.gather(*(store.write_metrics(order) for order in (points, points[::-1])))
        assert sum(result.inserted for result in results) == 200

    async def test_pages_of_logs_are_stable_while_records_arrive(self, store: Store) -> None:
        logs = [make_log(time_ns=NOON_NS - n // 3) for n in range(9)]
        await store.write_logs(logs)
        expected = [record.id for record in sorted(logs, key=lambda log: (log.time_ns, log.id), reverse=True)]
        first = await store.list_logs(LogQuery(project="default", limit=4))
        await store.write_logs([make_log(time_ns=NOON_NS + SECOND)])
        rest = await log_ids(store, LogQuery(project="default", limit=4, after=first.next))
        assert [record.id for record in first.logs] + rest == expected

    async def test_filters_of_logs_are_anded(self, store: Store) -> None:
        plain = make_log(body="the 100% disk\\path", severity_number=17)
        event = make_log(event_name="checkout", session_id=SESSION, service="shop", time_ns=NOON_NS + SECOND)
        traced = make_log(trace_id=b"t" * 16, body=None, attributes={"note": "Find ME"}, time_ns=NOON_NS - SECOND)
        coding = make_coding_log(EventKind.PROMPT, service="shop", body={"text": "deep"})
        await store.write_logs([plain, event, traced, coding, make_log(project="other")])

        async def found(**conditions: Any) -> set[bytes]:
            return set(await log_ids(store, LogQuery(project="default", **conditions)))

        assert await found() == {plain.id, event.id, traced.id, coding.id}
        assert await found(service="shop") == {event.id, coding.id}
        assert await found(service="shop", event_name="checkout") == {event.id}
        assert await found(min_severity=13) == {plain.id}
        assert await found(session_id=SESSION) == {event.id, coding.id}
        assert await found(coding_tool="claude_code") == {coding.id}
        assert await found(trace_id=b"t" * 16) == {traced.id}
        assert await found(text="find me") == {traced.id}
        assert await found(text="100% disk\\") == {plain.id}
        assert await found(text="1_0") == set()
        assert await found(text="deep") == {coding.id}
        assert await found(from_time=NOON) == {plain.id, event.id, coding.id}
        assert await found(to_time=NOON) == {traced.id}

    async def test_odd_logs_are_represented(self, store: Store) -> None:
        odd = make_log(
            event_name="e" * 5000, body="a\0b\ud800", severity_number=2**31, flags=2**40, attributes={"x": math.nan}
        )
        await store.write_logs([odd])
        (back,) = (await store.list_logs(LogQuery(project="default"))).logs
        assert (back.event_name, back.body, back.severity_number, back.flags) == ("e" * 512, "a\ufffdb\ufffd", 0, 0)
        assert back.attributes == {"x": "NaN"}

    async def test_a_log_that_fits_no_row_is_permanent(self, store: Store) -> None:
        for wrong in (
            {"id": b"short"},
            {"trace_id": b"short"},
            {"span_id": b""},
            {"time_ns": 2**63},
            {"time_ns": -1},
            {"project": ""},
        ):
            with pytest.raises(Permanent):
                await store.write_logs([make_log(), make_log(**wrong)])
        assert await log_ids(store, LogQuery(project="default")) == []

    async def test_every_part_of_a_point_survives(self, store: Store, database_url: str) -> None:
        integer = make_point(2.0**53, int_value=2**53 + 1, start_time_ns=NOON_NS - 1)
        histogram = make_point(
            type=MetricType.HISTOGRAM, monotonic=None, count=3, sum=4.5, details={"bucket_counts": [1, 2], "flags": 1}
        )
        odd = make_point(math.nan, at=1)
        await store.write_metrics([integer, histogram, odd])
        connection = await asyncpg.connect(database_url)
        try:
            rows = await connection.fetch(
                "SELECT start_time_ns, value, int_value, count, sum, details::text, type, monotonic"
                " FROM metric_points JOIN metric_series USING (project, series) ORDER BY type, time"
            )
        finally:
            await connection.close()
        assert [tuple(row) for row in rows] == [
            (None, None, None, 3, 4.5, '{"flags": 1, "bucket_counts": [1, 2]}', "histogram", None),
            (NOON_NS - 1, 2.0**53, 2**53 + 1, None, None, None, "sum", True),
            (None, None, None, None, None, '{"value": "NaN"}', "sum", True),
        ]

    async def test_replayed_points_change_nothing(self, store: Store) -> None:
        points = [make_point(5, at=n) for n in range(3)]
        assert await store.write_metrics([*points, points[1]]) == WriteResult(inserted=3, duplicates=1)
        assert await store.write_metrics([replace(point, value=9.0) for point in points]) == WriteResult(0, 3)
        assert await self.lines(store, MetricFunction.SUM) == {None: [15.0]}
        assert await store.write_metrics([]) == WriteResult(0, 0)

    async def test_a_point_that_fits_no_row_is_permanent(self, store: Store) -> None:
        with pytest.raises(Permanent):
            await store.write_metrics([make_point(1), make_point(2, project="")])
        assert await store.list_metrics("default") == []

    async def test_metrics_are_listed_with_what_they_differ_by(self, store: Store) -> None:
        await store.write_metrics(
            [
                make_point(1, unit="1", attributes={"type": "input"}, service="b"),
                make_point(1, unit="1", attributes={"type": "output", "model": "m"}, service="a"),
                make_point(1, name="load", type=MetricType.GAUGE, temporality="unspecified", at=-86_400),
            ]
        )
        tokens = MetricInfo(
            name="tokens",
            description="",
            unit="1",
            type="sum",
            temporality="delta",
            series_count=2,
            services=["a", "b"],
            attributes=["model", "type"],
        )
        load, also_tokens = await store.list_metrics("default")
        assert (load.name, load.attributes, also_tokens) == ("load", [], tokens)
        assert await store.list_metrics("default", since=NOON - timedelta(hours=2)) == [tokens]
        assert await store.list_metrics("other") == []

    async def lines(
        self, store: Store, function: MetricFunction, **changes: Any
    ) -> Mapping[str | None, Sequence[float]]:
        """The values that the minutes around noon have of the metric `tokens`, by label."""
        query = MetricQuery(
            project="default",
            name="tokens",
            function=function,
            from_time=NOON - timedelta(minutes=5),
            to_time=NOON + timedelta(minutes=5),
            interval=MINUTE,
        )
        found = await store.query_metric(replace(query, **changes))
        return {line.label: [value for _, value in line.points] for line in found}

    async def test_delta_counters_are_added_up_by_attribute(self, store: Store) -> None:
        await store.write_metrics(
            [
                make_point(10, at=0, attributes={"type": "input", "model": "m"}),
                make_point(20, at=30, attributes={"type": "input", "model": "n"}),
                make_point(5, at=90, attributes={"type": "input", "model": "m"}, service="x", scope="x"),
                make_point(7, at=0, attributes={"type": "output"}, resource_attributes={"model": "m"}),
                make_point(99, at=-600, attributes={"type": "output"}),
            ]
        )
        assert await self.lines(store, MetricFunction.SUM) == {None: [37.0, 5.0]}
        assert await self.lines(store, MetricFunction.SUM, by="type") == {"input": [30.0, 5.0], "output": [7.0]}
        assert await self.lines(store, MetricFunction.SUM, by="model") == {"m": [17.0, 5.0], "n": [20.0]}
        assert await self.lines(store, MetricFunction.RATE, attributes={"type": "input"}) == {None: [0.5, 5 / 60]}
        assert await self.lines(store, MetricFunction.AVG, by="type") == {"input": [15.0, 5.0], "output": [7.0]}
        assert await self.lines(store, MetricFunction.COUNT) == {None: [3.0, 1.0]}
        assert await self.lines(store, MetricFunction.SUM, service="x") == {None: [5.0]}
        assert await self.lines(store, MetricFunction.SUM, attributes={"type": "none"}) == {}

    async def test_buckets_begin_at_whole_intervals(self, store: Store) -> None:
        await store.write_metrics([make_point(1)])
        query = MetricQuery(
            project="default",
            name="tokens",
            function=MetricFunction.SUM,
            from_time=NOON,
            to_time=NOON + MINUTE,
            interval=timedelta(minutes=5),
        )
        (line,) = await store.query_metric(query)
        assert line.points == [(NOON_NS // 300_000_000_000 * 300_000_000_000, 1.0)]
        assert await store.query_metric(replace(query, to_time=NOON)) == []

    async def test_cumulative_counters_gain_the_difference(self, store: Store) -> None:
        begun = NOON_NS - 10 * 60 * SECOND

        def point(value: float, at: float, start_time_ns: int, kind: str) -> MetricPoint:
            attributes = {"kind": kind}
            fields: dict[str, Any] = {"temporality": Temporality.CUMULATIVE, "attributes": attributes}
            return make_point(value, at=at, start_time_ns=start_time_ns, **fields)

        await store.write_metrics(
            [
                point(100, -360, begun, "old"),
                point(130, 0, begun, "old"),
                point(130, 60, begun, "old"),
                point(4, 120, NOON_NS + 100 * SECOND, "old"),
                point(5, 0, NOON_NS - SECOND, "young"),
                point(9, 60, NOON_NS - SECOND, "young"),
                point(1000, 0, NOON_NS - 86_400 * SECOND, "unknown"),
                point(1001, 60, NOON_NS - 86_400 * SECOND, "unknown"),
            ]
        )
        expected = {"old": [30.0, 0.0, 4.0], "unknown": [0.0, 1.0], "young": [5.0, 4.0]}
        assert await self.lines(store, MetricFunction.SUM, by="kind") == expected
        assert await self.lines(store, MetricFunction.LAST, attributes={"kind": "old"}) == {None: [130.0, 130.0, 4.0]}

    async def test_levels_are_not_counted(self, store: Store) -> None:
        for name, fields in (
            ("gauge", {"type": MetricType.GAUGE, "temporality": Temporality.UNSPECIFIED, "monotonic": None}),
            ("up and down", {"temporality": Temporality.CUMULATIVE, "monotonic": False}),
        ):
            series: dict[str, Any] = {**fields, "resource_attributes": {"name": name}}
            await store.write_metrics([make_point(n, at=n, attributes={"host": "a"}, **series) for n in (3, 1)])
            await store.write_metrics([make_point(10, at=2, attributes={"host": "b"}, **series)])
            only = {"attributes": {"name": name}}
            assert await self.lines(store, MetricFunction.LAST, **only) == {None: [13.0]}
            assert await self.lines(store, MetricFunction.SUM, **only) == {None: [13.0]}
            assert await self.lines(store, MetricFunction.AVG, **only) == {None: [14 / 3]}

    async def test_histograms_tell_their_mean(self, store: Store) -> None:
        fields: dict[str, Any] = {"type": MetricType.HISTOGRAM, "monotonic": None}
        delta = [make_point(at=n, sum=4.0 * n, count=n, **fields) for n in (1, 2)]
        cumulative = [
            make_point(
                at=at,
                sum=total,
                count=count,
                start_time_ns=NOON_NS,
                **{**fields, "temporality": Temporality.CUMULATIVE, "attributes": {"kind": "cumulative"}},
            )
            for at, total, count in ((1, 10.0, 1), (61, 40.0, 3))
        ]
        await store.write_metrics([*delta, *cumulative])
        assert await self.lines(store, MetricFunction.AVG, by="kind") == {None: [4.0], "cumulative": [10.0, 15.0]}
        assert await self.lines(store, MetricFunction.COUNT, by="kind") == {None: [3.0], "cumulative": [1.0, 2.0]}
        assert await self.lines(store, MetricFunction.SUM, by="kind") == {None: [12.0], "cumulative": [10.0, 30.0]}

    async def test_a_deleted_project_leaves_no_signals(self, store: Store) -> None:
        await store.write_logs([make_log()])
        await store.write_metrics([make_point(1)])
        await store.delete_project("default", by=Actor("test"))
        assert await log_ids(store, LogQuery(project="default")) == []
        assert await store.list_metrics("default") == []

    async def test_a_project_of_logs_alone_is_listed(self, store: Store) -> None:
        await store.write_logs([make_log(project="cli")])
        assert "cli" in [project.name for project in await store.list_projects()]
