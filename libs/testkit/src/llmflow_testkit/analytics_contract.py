"""What every `Store` answers to analytics, counted again in plain Python from the spans that were written."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from llmflow_core.errors import Rejected
from llmflow_core.filters import parse_filter
from llmflow_core.spans import Span, Status
from llmflow_store import Store, sketch
from llmflow_store.analytics import DISTRIBUTIONS, QUANTILES, AnalyticsQuery, Group, Metric
from llmflow_store.time_ranges import covering
from llmflow_testkit.spans import make_generation, random_spans
from llmflow_testkit.store_suite import StoreSuite

_FROM = datetime(2025, 6, 10, 7, 30, 12, tzinfo=UTC)
_TO = datetime(2025, 6, 14, 19, 3, 5, tzinfo=UTC)
#: The beginning of a week of the rollups.
_WEEK = datetime(2025, 6, 5, tzinfo=UTC)
_MINUTE_US, _HOUR_US = 60_000_000, 3_600_000_000


def _spans() -> list[Span]:
    """A few hundred spans over six days, most inside of the range that the tests ask for."""
    rng = random.Random(7)
    spans = random_spans(rng, 400, traces=40)
    first = int(datetime(2025, 6, 9, 12, tzinfo=UTC).timestamp() * 1e9)
    return [
        replace(
            span,
            start_time_ns=first + rng.randrange(6 * 24 * 3600 * 10**9),
            user_id=rng.choice(["ada", "bob", "eve", None]),
            attributes={"feature": rng.choice(["chat", "search"])} if rng.random() < 0.8 else {},
        )
        for span in spans
    ]


def _calls_of_days(rng: random.Random, count: int) -> list[Span]:
    """Calls of three users on a few days of three weeks."""
    days = [0, 1, 7, 8, 20]
    return [
        make_generation(
            user_id=rng.choice(["ada", "bob", "bob", "eve"]),
            start_time_ns=int(_WEEK.timestamp() + rng.choice(days) * 86_400 + rng.randrange(86_400)) * 10**9,
            duration_ns=int(rng.lognormvariate(20, 2)),
            time_to_first_token_ns=rng.choice([None, rng.randrange(10**9)]),
            status=rng.choice(list(Status)),
        )
        for _ in range(count)
    ]


def _by_user(rng: random.Random) -> AnalyticsQuery:
    begin = rng.randrange(22 * 24)
    return AnalyticsQuery(
        project="default",
        metric=rng.choice([Metric.LATENCY, Metric.TTFT]),
        aggregation=rng.choice(["p50", "p95", "avg"]),
        from_time=_WEEK + timedelta(hours=begin),
        to_time=_WEEK + timedelta(hours=rng.randrange(begin, 22 * 24) + 1),
        group_by=("user",),
        interval=rng.choice([None, timedelta(hours=6), timedelta(days=1), timedelta(days=7)]),
    )


_QUESTIONS: list[dict[str, Any]] = [
    {"metric": Metric.SPANS, "aggregation": "sum"},
    {"metric": Metric.REQUESTS, "aggregation": "rate"},
    {"metric": Metric.COST, "aggregation": "sum", "group_by": ("model",)},
    {"metric": Metric.COST, "aggregation": "sum", "group_by": ("user",)},
    {"metric": Metric.COST, "aggregation": "avg", "group_by": ("user", "model")},
    {"metric": Metric.TOKENS, "aggregation": "sum", "group_by": ("attr.feature",)},
    {"metric": Metric.TOKENS, "aggregation": "sum", "group_by": ("tag",)},
    {"metric": Metric.ERROR_RATE, "aggregation": "avg", "group_by": ("provider", "type")},
    {"metric": Metric.UNPRICED, "aggregation": "sum", "group_by": ("model",)},
    {"metric": Metric.LATENCY, "aggregation": "p95", "group_by": ("model",)},
    {"metric": Metric.LATENCY, "aggregation": "avg", "group_by": ("user",)},
    {"metric": Metric.TTFT, "aggregation": "p50", "group_by": ("attr.feature",)},
    {"metric": Metric.INPUT_TOKENS, "aggregation": "sum", "interval": timedelta(minutes=15)},
    {"metric": Metric.SPANS, "aggregation": "sum", "group_by": ("model",), "interval": timedelta(hours=1)},
    {"metric": Metric.SPANS, "aggregation": "sum", "group_by": ("user",), "interval": timedelta(days=1)},
    {"metric": Metric.SPANS, "aggregation": "sum", "group_by": ("user",), "interval": timedelta(minutes=30)},
    {"metric": Metric.LATENCY, "aggregation": "p99", "group_by": ("status",), "interval": timedelta(hours=6)},
    {"metric": Metric.COST, "aggregation": "sum", "group_by": ("model",), "filter": "status:ok,unset -type:tool"},
    {"metric": Metric.SPANS, "aggregation": "sum", "group_by": ("model",), "filter": "user:ada OR attr.feature:chat"},
]


class AnalyticsContract(StoreSuite):
    """The suite."""

    async def test_the_total_is_of_the_range_of_its_groups(self, store: Store) -> None:
        minute = int(_FROM.timestamp()) // 60 * 60
        for second in (5, 40, 65, 100):
            await store.write_spans([make_generation(name="a", start_time_ns=(minute + second) * 10**9)])
        result = await store.analyse(
            AnalyticsQuery(
                project="default",
                metric=Metric.SPANS,
                aggregation="sum",
                from_time=_FROM,
                to_time=datetime.fromtimestamp(minute + 80, UTC),
                group_by=("name",),
            )
        )
        assert (result.source, result.total.value, [group.value for group in result.groups]) == ("spans", 4, [4])

    async def test_answers_equal_a_recount(self, store: Store) -> None:
        spans = _spans()
        await store.write_spans(spans)
        await store.write_spans([make_generation(project="other", start_time_ns=int(_FROM.timestamp() * 1e9) + 10**12)])
        sources = set()
        for question in _QUESTIONS:
            parsed = parse_filter(question.get("filter", ""))
            query = AnalyticsQuery(project="default", from_time=_FROM, to_time=_TO, **{**question, "filter": parsed})
            result = await store.analyse(query)
            sources.add(result.source)
            kept = [
                span
                for span in spans
                if result.from_us <= span.start_time_ns // 1000 < result.to_us and _passes(span, question.get("filter"))
            ]
            seconds = (result.to_us - result.from_us) / 1e6
            assert _answer(result.total) == _recounted(query, kept, (), seconds), question
            groups = _grouped(query, kept)
            expected = [_recounted(query, members, key, seconds) for key, members in groups.items()]
            found = sorted(map(_answer, result.groups))
            assert found == sorted(expected), question
            assert result.from_us <= _FROM.timestamp() * 1e6 < _TO.timestamp() * 1e6 <= result.to_us
            assert result.to_us - result.from_us <= (_TO - _FROM) / timedelta(microseconds=1) + 2 * _HOUR_US
        assert sources == {"rollups", "spans"}

    async def test_the_largest_groups_come_first(self, store: Store) -> None:
        await store.write_spans(_spans())
        query = AnalyticsQuery(
            project="default",
            metric=Metric.SPANS,
            aggregation="sum",
            from_time=_FROM,
            to_time=_TO,
            group_by=("model",),
            limit=2,
        )
        everything = await store.analyse(replace(query, limit=100))
        values = [group.value for group in everything.groups]
        assert values == sorted(values, key=lambda value: -Decimal(value or 0))
        assert len(values) > 2
        assert (await store.analyse(query)).groups == everything.groups[:2]

    @pytest.mark.parametrize("skew", [0.0, 1.5])
    async def test_the_largest_users_are_found_among_many(self, store: Store, skew: float) -> None:
        rng = random.Random(11)
        users = rng.choices(range(60), [(rank + 1) ** -skew for rank in range(60)], k=500)
        end = datetime(2025, 6, 20, 11, tzinfo=UTC)
        ends = int(end.timestamp() * 1e9)
        await store.write_spans(
            [
                make_generation(
                    user_id=f"user-{number}",
                    start_time_ns=ends - rng.randrange(35 * 24 * 3600 * 10**9),
                    cost=Decimal(rng.randrange(10**7)) / 10**6,
                    input_tokens=rng.randrange(1000) * (number % 3),
                )
                for number in users
            ]
        )
        for _ in range(12):
            query = AnalyticsQuery(
                project="default",
                metric=rng.choice([Metric.COST, Metric.INPUT_TOKENS, Metric.REQUESTS]),
                aggregation="sum",
                from_time=end - timedelta(hours=rng.randrange(24, 36 * 24)),
                to_time=end - timedelta(hours=rng.randrange(24)),
                group_by=("user",),
                filter=parse_filter(rng.choice(["", "-user:user-0", "user:user-1*"])),
                limit=rng.choice([1, 3, 10]),
            )
            everything = await store.analyse(replace(query, limit=1000))
            assert (await store.analyse(query)).groups == everything.groups[: query.limit], query

    @pytest.mark.parametrize("seed", [1, 2])
    async def test_percentiles_by_user_equal_a_recount_whatever_is_late(self, store: Store, seed: int) -> None:
        rng, spans = random.Random(seed), list[Span]()
        for count in (400, 3, 0, 60, 1):
            new = _calls_of_days(rng, count)
            await store.write_spans(new)
            spans += new
            await store.make_user_rollups(limit=rng.choice([0, 1, 4, 30]))
            for _ in range(4):
                query = replace(_by_user(rng), filter=parse_filter(rng.choice(["", "", "status:error"])))
                result = await store.analyse(query)
                text = "status:error" if query.filter != parse_filter("") else None
                kept = [
                    span
                    for span in spans
                    if result.from_us <= span.start_time_ns // 1000 < result.to_us and _passes(span, text)
                ]
                expected = [_recounted(query, held, key, 1) for key, held in _grouped(query, kept).items()]
                measured = [group for group in result.groups if group.span_count]
                assert sorted(map(_answer, measured)) == sorted(expected), query

    async def test_percentiles_by_user_are_ready_for_days_and_weeks_that_are_over(
        self, store: Store, database_url: str
    ) -> None:
        rng = random.Random(3)
        await store.write_spans(_calls_of_days(rng, 500))
        query = replace(_by_user(rng), from_time=_WEEK, to_time=_WEEK + timedelta(days=9), interval=None)
        expected = await store.analyse(query)
        while await store.make_user_rollups(limit=2):
            pass
        connection = await asyncpg.connect(database_url)
        try:
            await connection.execute("DELETE FROM rollups_value_day WHERE dimension = 'user'")
        finally:
            await connection.close()
        assert await store.analyse(query) == expected

    async def test_without_spans_there_is_an_answer(self, store: Store) -> None:
        for metric, aggregation in ((Metric.COST, "sum"), (Metric.LATENCY, "p95"), (Metric.ERROR_RATE, "avg")):
            query = AnalyticsQuery(
                project="default",
                metric=metric,
                aggregation=aggregation,  # type: ignore[arg-type]
                from_time=_FROM,
                to_time=_TO,
                group_by=("model",),
                interval=timedelta(hours=1),
            )
            result = await store.analyse(query)
            assert result.total == Group((), 0 if metric is Metric.COST else None, 0, [])
            assert result.groups == []

    async def test_facets_equal_a_recount(self, store: Store) -> None:
        spans = _spans()
        await store.write_spans(spans)
        low, high = _FROM.replace(second=0), _TO.replace(second=0) + timedelta(minutes=1)
        for text in (None, "status:error", "user:ada"):
            found = await store.facets("default", low, high, parse_filter(text or ""))
            kept = [
                span
                for span in spans
                if low.timestamp() * 1e9 <= span.start_time_ns < high.timestamp() * 1e9 and _passes(span, text)
            ]
            counted = Counter(span.model or span.response_model for span in kept)
            del counted[None]
            assert {value.value: value.span_count for value in found.values["model"]} == counted
            assert {v.value: v.span_count for v in found.values["status"]} == Counter(s.status for s in kept)
            assert {v.value: v.span_count for v in found.values["type"]} == Counter(s.observation_type for s in kept)
            assert not found.sampled


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"to_time": _FROM}, "to"),
        ({"group_by": ("colour",)}, "group_by"),
        ({"group_by": ("model", "model")}, "group_by"),
        ({"group_by": ("attr.",)}, "group_by"),
        ({"aggregation": "p95"}, "aggregation"),
        ({"metric": Metric.LATENCY}, "aggregation"),
        ({"interval": timedelta(seconds=90)}, "interval"),
        ({"interval": timedelta(minutes=1)}, "interval"),
    ],
)
def test_senseless_questions_are_refused(changes: dict[str, Any], field: str) -> None:
    fields = {"metric": Metric.COST, "aggregation": "sum", "from_time": _FROM, "to_time": _TO, **changes}
    with pytest.raises(Rejected) as caught:
        AnalyticsQuery(project="default", **fields).check()
    assert caught.value.field == field


@pytest.mark.parametrize(("subtracting", "hours", "minutes"), [(False, 23, 59), (True, 13, 31)])
def test_a_range_is_covered_once_by_the_largest_units(subtracting: bool, hours: int, minutes: int) -> None:
    rng = random.Random(3)
    for _ in range(200):
        low = rng.randrange(10**6) * _MINUTE_US
        high = low + rng.randrange(1, 10**5) * _MINUTE_US
        parts = covering(low, high, finest="minute", subtracting=subtracting)
        steps: Counter[int] = Counter()
        for part in parts:
            assert part.low < part.high
            steps[part.low] += part.sign
            steps[part.high] -= part.sign
        assert {time: step for time, step in steps.items() if step} == {low: 1, high: -1}
        rows = sum(
            (part.high - part.low) // {"day": 24 * _HOUR_US, "hour": _HOUR_US, "minute": _MINUTE_US}[part.unit]
            for part in parts
        )
        assert rows <= (high - low) // (24 * _HOUR_US) + 2 * hours + 2 * minutes + 3


def _passes(span: Span, text: str | None) -> bool:
    match text:
        case "status:error":
            return span.status == "error"
        case "user:ada":
            return span.user_id == "ada"
        case "status:ok,unset -type:tool":
            return span.status in ("ok", "unset") and span.observation_type != "tool"
        case "user:ada OR attr.feature:chat":
            return span.user_id == "ada" or span.attributes.get("feature") == "chat"
        case _:
            return True


_Answer = tuple[tuple[str, ...], Any, int, list[tuple[int, Any]]]


def _answer(group: Group) -> _Answer:
    return group.key, _rounded(group.value), group.span_count, [(p.time_us, _rounded(p.value)) for p in group.points]


def _recounted(query: AnalyticsQuery, spans: Sequence[Span], key: tuple[str, ...], seconds: float) -> _Answer:
    measured = [span for span in spans if query.metric is not Metric.TTFT or span.time_to_first_token_ns is not None]
    points: list[tuple[int, Any]] = []
    if query.interval:
        size = query.interval // timedelta(microseconds=1)
        by_time: defaultdict[int, list[Span]] = defaultdict(list)
        for span in measured:
            by_time[span.start_time_ns // 1000 // size * size].append(span)
        length = query.interval.total_seconds()
        points = [(time, _rounded(_value(query, members, length))) for time, members in sorted(by_time.items())]
    return key, _rounded(_value(query, measured, seconds)), len(measured), points


def _value(query: AnalyticsQuery, spans: Sequence[Span], seconds: float) -> Any:
    metric = query.metric
    if metric in DISTRIBUTIONS:
        values = [s.duration_ns if metric is Metric.LATENCY else s.time_to_first_token_ns for s in spans]
        buckets = Counter(sketch.bucket_of(value) for value in values if value is not None)
        if query.aggregation != "avg":
            return sketch.quantile(buckets, QUANTILES[query.aggregation])
        return sum(sketch.value_of(b) * n for b, n in buckets.items()) / buckets.total() if buckets else None
    amount = sum((_amount(metric, span) for span in spans), Decimal())
    if query.aggregation == "avg":
        return amount / len(spans) if spans else None
    return amount / Decimal(seconds) if query.aggregation == "rate" else amount


def _amount(metric: Metric, span: Span) -> Decimal:
    has_tokens = span.input_tokens is not None or span.output_tokens is not None
    generates = span.observation_type in ("generation", "embedding")
    match metric:
        case Metric.SPANS:
            return Decimal(1)
        case Metric.REQUESTS:
            return Decimal(generates)
        case Metric.ERROR_RATE | Metric.ERRORS:
            return Decimal(span.status == "error")
        case Metric.TOKENS:
            return Decimal((span.input_tokens or 0) + (span.output_tokens or 0))
        case Metric.UNPRICED:
            return Decimal(has_tokens and span.cost is None and generates)
        case _:
            return Decimal(getattr(span, metric) or 0)


def _grouped(query: AnalyticsQuery, spans: Iterable[Span]) -> dict[tuple[str, ...], list[Span]]:
    groups: defaultdict[tuple[str, ...], list[Span]] = defaultdict(list)
    for span in spans if query.group_by else ():
        if query.metric is Metric.TTFT and span.time_to_first_token_ns is None:
            continue
        if query.group_by == ("tag",):
            for tag in span.tags:
                groups[(tag,)].append(span)
            continue
        key = tuple(_dimension(name, span) for name in query.group_by)
        if all(key):
            groups[key].append(span)
    return groups


def _dimension(name: str, span: Span) -> str:
    values = {
        "model": span.model or span.response_model,
        "provider": span.provider,
        "type": span.observation_type,
        "status": span.status,
        "user": span.user_id,
        "attr.feature": span.attributes.get("feature"),
    }
    return str(values[name] or "")


def _rounded(value: Any) -> Any:
    return None if value is None else float(f"{value:.9g}")
