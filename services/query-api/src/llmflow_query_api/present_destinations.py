"""Destinations and their jobs as the API shows them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from llmflow_core.destinations.presets import PRESETS, SECRET_OPTIONS, Preset
from llmflow_core.destinations.secrets import shown
from llmflow_core.spans import JSON
from llmflow_query_api.destination_schemas import (
    DestinationDefinition,
    DestinationDetail,
    DestinationPreset,
    DestinationStatus,
    JobDetail,
    PresetOption,
)
from llmflow_store.destinations import COUNTS, ExporterReport, Job, KeptDestination

#: An exporter that was not heard of for so long is not there.
_SILENCE = timedelta(seconds=30)
#: The worst first: what one exporter sees is so for the destination.
_STATES = ("failed", "open", "retrying", "starting", "ok", "paused")

Totals = Mapping[str, Mapping[str, int]]


def details_of(
    kept: Sequence[KeptDestination], reports: Sequence[ExporterReport], totals: Totals
) -> list[DestinationDetail]:
    """Every destination there is, by name: the administrators', and those that exporters report to have besides."""
    # Without an exporter that is there, what the last one said is the best that is known.
    reports = [report for report in reports if _is_there(report)] or reports[:1]
    own = {one.name: one for one in kept}
    others = {one["name"]: one["origin"] for report in reports for one in report.destinations if one["origin"] != "api"}
    return [
        _detail(name, own.get(name), others.get(name, "api"), reports, totals)
        for name in sorted(own.keys() | others.keys())
    ]


def _detail(
    name: str, kept: KeptDestination | None, origin: Any, reports: Sequence[ExporterReport], totals: Totals
) -> DestinationDetail:
    origin = "api" if kept else origin
    said = [
        (report, one)
        for report in reports
        for one in report.destinations
        if one["name"] == name and one["origin"] == origin
    ]
    newest = said[0][1] if said else {}
    definition = msgspec.convert(shown(kept.definition), DestinationDefinition) if kept else None
    live = [one for report, one in said if _is_there(report)]
    return DestinationDetail(
        name=name,
        origin=origin,
        definition=definition,
        address=newest.get("address") or "",
        protocol=newest.get("protocol") or (definition and definition.protocol) or "",
        dialect=newest.get("dialect") or (definition and definition.dialect) or "",
        created_at=kept.created_at if kept else None,
        created_by=kept.created_by if kept else None,
        version=kept.version if kept else None,
        status=_status(live, totals.get(name, {}), paused=bool(definition and definition.paused)),
    )


def _is_there(report: ExporterReport) -> bool:
    return datetime.now(UTC) - report.reported_at < _SILENCE


def _status(live: Sequence[Mapping[str, JSON]], totals: Mapping[str, int], *, paused: bool) -> DestinationStatus:
    states = [str(one["state"]) for one in live]
    lags = [int(one["lag"]) for one in live if one.get("lag") is not None]
    failed = max(live, key=lambda one: str(one.get("last_error_at") or ""), default={})
    state = next((state for state in _STATES if state in states), "unknown")
    return DestinationStatus(
        state="paused" if paused else state,  # type: ignore[arg-type]
        exporters=len(live),
        lag=sum(lags) if lags else None,
        **{name: totals.get(name, 0) for name in COUNTS},
        last_success=_newest(one.get("last_success") for one in live),
        last_error=failed.get("last_error"),
        last_error_at=_newest([failed.get("last_error_at")]),
        next_attempt=_newest(one.get("next_attempt") for one in live),
    )


def _newest(times: Iterable[JSON]) -> datetime | None:
    return max((datetime.fromisoformat(time) for time in times if time), default=None)


def presets() -> list[DestinationPreset]:
    """Every preset, in the order of the table."""
    return [
        DestinationPreset(
            name=name,
            endpoint=preset.endpoint,
            protocol=preset.protocol,
            dialect=preset.dialect,
            options=[_option(preset, option) for option in sorted(preset.options)],
        )
        for name, preset in PRESETS.items()
    ]


def _option(preset: Preset, name: str) -> PresetOption:
    return PresetOption(
        name=name, needed=name in preset.needs, secret=name in SECRET_OPTIONS, default=preset.defaults.get(name)
    )


def job_of(job: Job) -> JobDetail:
    """A job."""
    return JobDetail(
        id=job.id,
        destination=job.destination,
        kind=job.kind,
        state=job.state,
        project=job.project,
        from_=job.from_time,
        to=job.to_time,
        created_at=job.created_at,
        created_by=job.created_by,
        finished_at=job.finished_at,
        sent=job.sent,
        total=job.total,
        message=job.message,
    )
