"""Trace, user, session and attributes from request headers."""

from __future__ import annotations

import uuid

import pytest

from llmflow_core.ids import trace_id_from_text
from llmflow_proxy.correlation import correlate

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_without_headers_the_trace_is_new() -> None:
    first, second = correlate({}), correlate({})
    assert first.trace_id != second.trace_id
    assert (first.parent_span_id, first.project, first.user, first.attributes) == (b"", "default", None, {})


def test_traceparent_is_continued() -> None:
    found = correlate({"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "a=b"})
    assert (found.trace_id.hex(), found.parent_span_id.hex(), found.trace_state) == (TRACE, SPAN, "a=b")


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "00-xyz",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}",
    ],
)
def test_a_malformed_traceparent_counts_as_absent(traceparent: str) -> None:
    found = correlate({"traceparent": traceparent, "tracestate": "a=b"})
    assert (found.parent_span_id, found.trace_state, found.link) == (b"", "", None)


def test_x_trace_id_names_the_trace() -> None:
    name = str(uuid.uuid4())
    assert correlate({"x-trace-id": name}).trace_id == uuid.UUID(name).bytes
    assert correlate({"x-trace-id": "trip 7"}).trace_id == trace_id_from_text("trip 7")


def test_x_trace_id_links_to_a_caller_of_another_trace() -> None:
    found = correlate({"x-trace-id": "trip 7", "traceparent": f"00-{TRACE}-{SPAN}-01"})
    assert found.trace_id == trace_id_from_text("trip 7")
    assert found.parent_span_id == b""
    assert found.link == (bytes.fromhex(TRACE), bytes.fromhex(SPAN))


def test_the_parent_may_be_named() -> None:
    assert correlate({"x-trace-parent-id": SPAN}).parent_span_id.hex() == SPAN
    named = correlate({"x-trace-parent-id": "planner"})
    assert (named.parent_span_id, named.attributes) == (b"", {"parent_id": "planner"})


def test_custom_attributes() -> None:
    found = correlate({"x-trace-feature": "chat-widget", "x-trace-step": "planning", "x-trace-build-number": "7"})
    assert found.attributes == {"feature": "chat-widget", "step": "planning", "build_number": "7"}


@pytest.mark.parametrize("prefix", ["x-trace-", "x-", "helicone-"])
def test_user_and_session(prefix: str) -> None:
    found = correlate({f"{prefix}user-id": "user-123", f"{prefix}session-id": "session-abc"})
    assert (found.user, found.session, found.attributes) == ("user-123", "session-abc", {})


def test_project_and_service() -> None:
    found = correlate({"x-llmflow-project": "search", "x-llmflow-service": "my-app"})
    assert (found.project, found.service) == ("search", "my-app")
    wrong = correlate({"x-llmflow-project": "No Such!"})
    assert (wrong.project, wrong.attributes) == ("default", {"llmflow.requested_project": "No Such!"})


def test_gateways_headers_are_understood() -> None:
    found = correlate(
        {
            "helicone-property-feature": "chat",
            "x-portkey-metadata": '{"_user": "user_123", "environment": "prod", "n": 1}',
            "x-litellm-tags": "team-a, beta",
        }
    )
    assert found.user == "user_123"
    assert found.attributes == {
        "feature": "chat",
        "_user": "user_123",
        "environment": "prod",
        "llmflow.tags": ["team-a", "beta"],
    }


def test_llmflows_own_headers_come_before_those_of_gateways() -> None:
    found = correlate(
        {"x-trace-user-id": "me", "x-trace-feature": "a", "x-portkey-metadata": '{"_user": "u", "feature": "b"}'}
    )
    assert (found.user, found.attributes["feature"]) == ("me", "a")


@pytest.mark.parametrize("metadata", ["", "{", "[]", '"text"', '{"user_id": 7}'])
def test_malformed_metadata_counts_as_absent(metadata: str) -> None:
    found = correlate({"x-portkey-metadata": metadata, "x-litellm-tags": ", "})
    assert (found.user, found.attributes) == (None, {})
