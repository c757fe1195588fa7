"""OpenTelemetry's general semantic conventions (HTTP, errors, users, sessions, deployment), and the names that LLMFlow
gives what no other convention has a name for."""

from __future__ import annotations

from llmflow_core.conventions.rules import Convention
from llmflow_core.conventions.values import count, text, texts
from llmflow_core.spans import ObservationType, Span, Status

_TYPE = "llmflow.observation.type"
_TYPES = {str(kind): kind for kind in ObservationType}


def _observation_type(span: Span) -> ObservationType | None:
    return _TYPES.get(str(span.attributes.get(_TYPE)))


def _finish(span: Span) -> None:
    if span.status == Status.ERROR and span.error_type is None:
        thrown = (event["attributes"] for event in span.events if event["name"] == "exception")
        span.error_type = next((text(attributes.get("exception.type")) for attributes in thrown), None)


CONVENTION = Convention(
    name="otel",
    fields={
        "error.type": ("error_type", text),
        "exception.type": ("error_type", text),
        "http.response.status_code": ("http_status", count),
        "http.status_code": ("http_status", count),
        "user.id": ("user_id", text),
        "enduser.id": ("user_id", text),
        "session.id": ("session_id", text),
        "llmflow.tags": ("tags", texts),
        "deployment.environment.name": ("environment", text),
        "deployment.environment": ("environment", text),
        "service.version": ("release", text),
    },
    resource_fields={
        "user.id": ("user_id", text),
        "session.id": ("session_id", text),
        "llmflow.tags": ("tags", texts),
        "deployment.environment.name": ("environment", text),
        "deployment.environment": ("environment", text),
        "service.version": ("release", text),
    },
    observation_type=_observation_type,
    finish=_finish,
)
