"""The live stream of traces."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, get
from litestar.openapi import ResponseSpec
from litestar.params import HeaderParameter

from llmflow_core.serving import ENDLESS
from llmflow_core.spans import DEFAULT_PROJECT
from llmflow_query_api.key_access import still_allowed
from llmflow_query_api.leaving import AS_IT_IS, Streamed
from llmflow_query_api.live import LiveHub
from llmflow_query_api.live_schemas import ChangedTraces
from llmflow_query_api.problems import HEADERS, documented
from llmflow_query_api.traces import READ_ERRORS, FilterParameter, ProjectParameter

_MEDIA_TYPE = "text/event-stream"


@get(
    "/stream",
    operation_id="streamTraces",
    summary="Stream traces as they arrive and change",
    responses={
        **documented(*READ_ERRORS),
        200: ResponseSpec(
            ChangedTraces,
            description="Server-sent events; the data of an event `traces`.",
            media_type=_MEDIA_TYPE,
            generate_examples=False,
        ),
    },
    opt={AS_IT_IS: True},
    tags=["traces"],
)
async def stream_traces(
    request: Request[Any, Any, Any],
    project: ProjectParameter = DEFAULT_PROJECT,
    filter_: FilterParameter = None,
    last_event_id: Annotated[
        str | None,
        HeaderParameter(name="Last-Event-ID", description="The id of the last event that was seen.", max_length=8192),
    ] = None,
) -> Streamed:
    """Events: `ready` when the stream has begun; `traces` with those that are new or have changed and fulfil the
    filter, once or more often; `resync` when too much was missed: read the list again, the stream goes on; `end` when
    the session or the API key has ended. With the header Last-Event-ID, which browsers send when they connect again,
    the stream goes on where it was left, up to ten minutes back."""
    hub: LiveHub = request.app.state.live
    request.scope[ENDLESS] = True  # type: ignore[literal-required]
    events = hub.watch(project, filter_ or "", last_event_id, lambda: still_allowed(request))
    return Streamed(events, media_type=_MEDIA_TYPE, headers={**HEADERS, "X-Accel-Buffering": "no"})
