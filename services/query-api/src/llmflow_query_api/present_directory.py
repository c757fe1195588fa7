"""Sessions, users and models as the API's bodies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from llmflow_core.pricing import Prices
from llmflow_query_api import directory_schemas as schemas
from llmflow_query_api.cursor import encode_cursor
from llmflow_query_api.present import moment, summary_of
from llmflow_query_api.present_signals import coding_session_of
from llmflow_query_api.price_schemas import PriceInUse
from llmflow_store import directory, sessions
from llmflow_store.signals import CodingSession


def session_page_of(page: sessions.SessionPage) -> schemas.SessionPage:
    """A page of sessions."""
    return schemas.SessionPage(
        sessions=[
            schemas.SessionSummary(
                totals=_totals(session.totals),
                newest_trace=summary_of(session.newest),
                coding_tools=list(session.coding_tools),
            )
            for session in page.sessions
        ],
        next_cursor=encode_cursor(page.next) if page.next else None,
    )


def session_of(
    session_id: str, found: sessions.SessionTraces | None, coding: Sequence[CodingSession]
) -> schemas.SessionDetail:
    """One session, by its traces, its tools' logs or both."""
    return schemas.SessionDetail(
        session_id=session_id,
        totals=_totals(found.totals) if found else None,
        traces=[summary_of(trace) for trace in found.traces] if found else [],
        coding_sessions=[coding_session_of(session) for session in coding],
        next_cursor=encode_cursor(found.next) if found and found.next else None,
    )


def user_of(user: directory.UserUsage) -> schemas.UserUsage:
    """One user in a list."""
    return schemas.UserUsage(user_id=user.user_id, usage=_usage(user.usage))


def user_detail_of(user: directory.UserCourse, interval_seconds: int) -> schemas.UserDetail:
    """One user, with the course."""
    return schemas.UserDetail(
        user_id=user.user_id,
        usage=_usage(user.usage),
        interval_seconds=interval_seconds,
        course=[schemas.CoursePoint(time=moment(time * 1000), usage=_usage(usage)) for time, usage in user.course],
    )


def model_of(model: directory.ModelUsage, prices: Prices) -> schemas.ModelUsage:
    """One model, and what it costs now."""
    return schemas.ModelUsage(
        provider=model.provider or None,
        model=model.model,
        usage=_usage(model.usage),
        latency=schemas.Percentiles(**asdict(model.latency)),
        time_to_first_token=schemas.Percentiles(**asdict(model.time_to_first_token)),
        price=price_in_use(prices, model.model, model.provider or None, datetime.now(UTC)),
    )


def price_in_use(prices: Prices, model: str, provider: str | None, at: datetime) -> PriceInUse | None:
    """Whose price a call of the model has then; None for a model without a price."""
    found = prices.of_model(model, provider, at)
    return PriceInUse(source=found[0], rates=dict(found[1])) if found else None


def _totals(totals: sessions.SessionTotals) -> schemas.SessionTotals:
    return schemas.SessionTotals(
        session_id=totals.session_id,
        first_time=moment(totals.first_time_ns),
        last_time=moment(totals.last_time_ns),
        duration_ns=totals.last_time_ns - totals.first_time_ns,
        trace_count=totals.trace_count,
        span_count=totals.span_count,
        error_count=totals.error_count,
        generation_count=totals.generation_count,
        input_tokens=totals.input_tokens,
        output_tokens=totals.output_tokens,
        cost=None if totals.cost is None else f"{totals.cost:f}",
        unpriced_count=totals.unpriced_count,
        user_ids=list(totals.user_ids),
        models=list(totals.models),
    )


def _usage(usage: directory.Usage) -> schemas.Usage:
    members = asdict(usage) | {"cost": f"{usage.cost:f}", "last_time": moment(usage.last_time_us * 1000)}
    del members["last_time_us"]
    return schemas.Usage(**members)
