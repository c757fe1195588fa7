"""What people ask of a month of spans, each question in many seeded versions, through the store and as a request."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import asyncpg

from bench.store.spans import (
    EXPERIMENTS,
    FEATURES,
    MODELS,
    SERVICES,
    Generator,
    Month,
    experiment,
    sentences,
    user,
    word,
)
from llmflow_core.filters import parse_filter
from llmflow_query_api.cursor import encode_cursor
from llmflow_store.analytics import Aggregation, AnalyticsQuery, Metric
from llmflow_store.port import OrderedBy, SpanQuery, Store, TraceCursor, TraceQuery
from llmflow_store.sessions import SessionQuery
from llmflow_store.statements import unix_us

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PAGE = 50
_DAY, _MONTH = timedelta(days=1), timedelta(days=30)
#: The steps in which the page draws 24 hours and 30 days.
_STEPS = {_DAY: "1h", _MONTH: "1d"}
_INTERVALS = {"1h": timedelta(hours=1), "1d": timedelta(days=1)}
#: What is asked again and again, and what has to look further.
_GOAL_MS, _SEARCH_GOAL_MS = 100, 1000


@dataclass(frozen=True)
class Asked:
    """One question with its values: how to ask a store, and what to ask the API."""

    ask: Callable[[Store], Awaitable[object]]
    path: str


@dataclass(frozen=True)
class Question:
    """A kind of question: at most `goal_ms` for 95 of a hundred."""

    name: str
    goal_ms: int
    make: Callable[[Samples], Asked]


@dataclass(frozen=True)
class Samples:
    """What questions are about, drawn from the database by a seed."""

    rng: random.Random
    month: Month
    #: Every trace of 5,000 spans.
    largest: list[bytes]
    #: Positions in the list of traces, each 99 pages after one that is drawn.
    far_cursors: list[TraceCursor]
    #: Model and user of traces that failed.
    failures: list[tuple[str, str]]
    request_ids: list[str]
    order_numbers: list[str]
    phrases: list[str]

    def moment(self, within: timedelta) -> datetime:
        """A time in the newest part of the month."""
        end = _EPOCH + timedelta(microseconds=self.month.end_ns // 1000)
        return end - within * self.rng.random()


async def draw(url: str, month: Month, seed: int, count: int) -> Samples:
    """Samples for about `count` versions of each question."""
    rng = random.Random(f"questions:{seed}")
    spans = [span for batch in (month.batches // 2, month.batches - 1) for span in Generator(month).batch(batch)]
    connection = await asyncpg.connect(url)
    try:
        cursors = [
            await connection.fetchrow(
                "SELECT start_time_ns, trace_id FROM traces WHERE project = 'default' AND start_time_ns < $1"
                " ORDER BY start_time_ns DESC, trace_id DESC OFFSET $2 LIMIT 1",
                month.end_ns - rng.randrange(timedelta(days=3) // timedelta(microseconds=1)) * 1000,
                99 * _PAGE,
            )
            for _ in range(min(count, 30))
        ]
    finally:
        await connection.close()
    return Samples(
        rng=rng,
        month=month,
        largest=[found for batch in range(month.batches) if (found := month.largest_trace(batch))],
        far_cursors=[TraceCursor(*row) for row in cursors if row],
        failures=[(span.model, str(span.user_id)) for span in spans if span.model and span.error_type],
        request_ids=[str(span.attributes["request.id"]) for span in spans],
        order_numbers=[span.output_preview.split()[-1] for span in spans if span.content and span.output_preview],
        phrases=[" ".join(text.split()[1:4]) for text in rng.sample(sentences(month.seed), 200)],
    )


def _traces(samples: Samples, words: str | None = None, after: TraceCursor | None = None) -> Asked:
    to_time = None if words or after else samples.moment(_DAY)
    query = TraceQuery(
        project="default", limit=_PAGE, after=after, to_time=to_time, filter=parse_filter(words) if words else None
    )
    given = {
        "filter": words,
        "cursor": encode_cursor(after) if after else None,
        "to": to_time.isoformat() if to_time else None,
    }
    asked = urlencode({name: value for name, value in given.items() if value})
    return Asked(lambda store: store.list_traces(query), f"/api/v1/traces?{asked}")


def _filtered(name: str, goal_ms: int, words: Callable[[Samples], str]) -> Question:
    return Question(name, goal_ms, lambda samples: _traces(samples, words(samples)))


def _spans(name: str, words: Callable[[Samples], str], order: OrderedBy = "time") -> Question:
    """Of the month's spans, which have to be looked through."""

    def make(samples: Samples) -> Asked:
        to_time = samples.moment(timedelta(hours=1))
        from_time, text = to_time - _MONTH, words(samples)
        query = SpanQuery(
            project="default",
            limit=_PAGE,
            from_time=from_time,
            to_time=to_time,
            filter=parse_filter(text),
            order=order,
        )
        given = {"filter": text, "order": order, "from": from_time.isoformat(), "to": to_time.isoformat()}
        return Asked(lambda store: store.list_spans(query), f"/api/v1/spans?{urlencode(given)}")

    return Question(name, _SEARCH_GOAL_MS, make)


def _failed_calls(samples: Samples) -> str:
    model, user_id = samples.rng.choice(samples.failures)
    if samples.rng.random() < 0.2:
        user_id = user(samples.rng.randrange(1000))
    return f"model:{model} status:error user:{user_id}"


def _experiment(samples: Samples) -> str:
    return f"attr.experiment:{experiment(samples.rng.randrange(EXPERIMENTS))}"


def _cost_range(samples: Samples) -> str:
    low = 10 ** samples.rng.uniform(-4, 0)
    return f"cost:>{low:.6f} cost:<{low * samples.rng.choice((1.01, 1.5, 10)):.6f}"


def _largest(samples: Samples) -> Asked:
    trace_id = samples.rng.choice(samples.largest)
    return Asked(lambda store: store.get_outline("default", trace_id), f"/api/v1/traces/{trace_id.hex()}")


def _sessions(samples: Samples, model: str) -> Asked:
    query = SessionQuery(project="default", limit=_PAGE, filter=parse_filter(f"model:{model}"))
    asked = urlencode({"filter": f"model:{model}"})
    return Asked(lambda store: store.list_sessions(query), f"/api/v1/sessions?{asked}")


def _jaeger_search(samples: Samples) -> Asked:
    """Grafana's: the newest traces of two days in which one span has all of it. The store is asked for the spans."""
    service, feature = samples.rng.choice(SERVICES), samples.rng.choice(FEATURES)
    to_time = samples.moment(timedelta(hours=1))
    from_time = to_time - 2 * _DAY
    query = SpanQuery(
        project="default",
        from_time=from_time,
        to_time=to_time,
        filter=parse_filter(f"attr.feature:{feature} status:error service:{service}"),
        limit=200,
    )
    given = {"service": service, "tags": f'{{"feature":"{feature}","error":"true"}}', "limit": 20}
    given |= {"start": unix_us(from_time), "end": unix_us(to_time)}
    return Asked(lambda store: store.list_spans(query), f"/api/traces?{urlencode(given)}")


def _facets(length: timedelta) -> Callable[[Samples], Asked]:
    def make(samples: Samples) -> Asked:
        to_time = samples.moment(timedelta(hours=1))
        from_time = to_time - length
        asked = urlencode({"from": from_time.isoformat(), "to": to_time.isoformat()})
        return Asked(lambda store: store.facets("default", from_time, to_time), f"/api/v1/facets?{asked}")

    return make


def _analytics(
    metric: Metric, aggregation: Aggregation, length: timedelta, *, group_by: str | None = None, course: bool = True
) -> Callable[[Samples], Asked]:
    def make(samples: Samples) -> Asked:
        to_time = samples.moment(timedelta(hours=1))
        from_time = to_time - length
        step = _STEPS[length] if course else None
        query = AnalyticsQuery(
            project="default",
            metric=metric,
            aggregation=aggregation,
            from_time=from_time,
            to_time=to_time,
            group_by=(group_by,) if group_by else (),
            interval=_INTERVALS[step] if step else None,
        )
        given = {"metric": metric, "aggregation": aggregation, "group_by": group_by, "interval": step}
        given |= {"from": from_time.isoformat(), "to": to_time.isoformat()}
        asked = urlencode({name: value for name, value in given.items() if value})
        return Asked(lambda store: store.analyse(query), f"/api/v1/analytics?{asked}")

    return make


_CHARTS: list[tuple[Metric, Aggregation]] = [
    (Metric.REQUESTS, "sum"),
    (Metric.TOKENS, "sum"),
    (Metric.COST, "sum"),
    (Metric.ERROR_RATE, "avg"),
    (Metric.LATENCY, "p50"),
    (Metric.LATENCY, "p95"),
    (Metric.LATENCY, "p99"),
    (Metric.TTFT, "p95"),
]


def _charts(length: timedelta, name: str) -> list[Question]:
    plain = [
        Question(f"chart {metric} {aggregation}, {name}", _GOAL_MS, _analytics(metric, aggregation, length))
        for metric, aggregation in _CHARTS
    ]
    by_model = [
        Question(
            f"chart {metric} {aggregation} by model, {name}",
            _GOAL_MS,
            _analytics(metric, aggregation, length, group_by="model"),
        )
        for metric, aggregation in _CHARTS
        if aggregation in ("sum", "p95")
    ]
    return [*plain, *by_model]


QUESTIONS = [
    Question("trace list, first page", _GOAL_MS, _traces),
    Question("trace list, page 100", _GOAL_MS, lambda s: _traces(s, after=s.rng.choice(s.far_cursors))),
    _filtered("traces by model, status, user", _GOAL_MS, _failed_calls),
    _filtered("traces by a common attribute", _GOAL_MS, lambda s: f"attr.feature:{s.rng.choice(FEATURES)}"),
    _filtered("traces by one attribute of 500", _GOAL_MS, lambda s: f"attr.tenant:tenant-{s.rng.randrange(500):03d}"),
    _filtered("traces by a unique attribute", _GOAL_MS, lambda s: f"attr.request.id:{s.rng.choice(s.request_ids)}"),
    _filtered(
        "traces by a rare attribute",
        _SEARCH_GOAL_MS,
        lambda s: f"attr.experiment:{experiment(s.rng.randrange(EXPERIMENTS))}",
    ),
    _filtered("traces by cost range", _GOAL_MS, _cost_range),
    Question("trace of 5,000 spans", _GOAL_MS, _largest),
    Question("facets, 24 hours", _GOAL_MS, _facets(_DAY)),
    Question("facets, 30 days", _GOAL_MS, _facets(_MONTH)),
    *_charts(_DAY, "24 h"),
    *_charts(_MONTH, "30 d"),
    *(
        Question(
            f"{metric} {aggregation} by {dimension}, 30 d",
            _GOAL_MS,
            _analytics(metric, aggregation, _MONTH, group_by=dimension, course=False),
        )
        for dimension in ("user", "model")
        for metric, aggregation in (_CHARTS[2], _CHARTS[5])
    ),
    Question("sessions of a model", _GOAL_MS, lambda s: _sessions(s, s.rng.choice(MODELS))),
    Question("sessions of an unused model", _GOAL_MS, lambda s: _sessions(s, f"unused-{s.rng.randrange(100)}")),
    _spans("spans of a rare user, 30 d", lambda s: f"user:{user(s.rng.randrange(10_000, 20_000))}"),
    _spans("spans of nobody, 30 d", lambda s: f"user:nobody-{s.rng.randrange(100)}"),
    _spans("longest spans of nobody, 30 d", lambda s: f"user:nobody-{s.rng.randrange(100)}", "duration"),
    _spans("spans of an unknown error, 30 d", lambda s: f"error:unknown-{s.rng.randrange(100)}"),
    _spans("longest calls of a model, 30 d", lambda s: f"model:{s.rng.choice(MODELS)}", "duration"),
    _filtered("traces of an unknown release", _SEARCH_GOAL_MS, lambda s: f"release:unknown-{s.rng.randrange(100)}"),
    Question("Jaeger search by service and tag", _SEARCH_GOAL_MS, _jaeger_search),
    _filtered("text, common word", _SEARCH_GOAL_MS, lambda s: f'"{word(s.rng.randrange(50))}"'),
    _filtered("text, one content of 300 has it", _SEARCH_GOAL_MS, lambda s: f'"{word(s.rng.randrange(5000, 9000))}"'),
    _filtered("text, one content has it", _SEARCH_GOAL_MS, lambda s: f'"{s.rng.choice(s.order_numbers)}"'),
    _filtered("text, phrase", _SEARCH_GOAL_MS, lambda s: f'"{s.rng.choice(s.phrases)}"'),
]
