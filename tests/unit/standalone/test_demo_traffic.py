"""The sample traffic: the same for a seed, and new traces each time that it is sent."""

from __future__ import annotations

from llmflow.demo import requests

_NOW_NS = 1_800_000_000 * 10**9


def _traces(now_ns: int) -> set[bytes]:
    sent = requests(traces=30, hours=1, seed=7, now_ns=now_ns)
    return {
        span.trace_id
        for request in sent
        for of in request.resource_spans
        for scope in of.scope_spans
        for span in scope.spans
    }


def test_traffic_that_is_sent_again_does_not_add_spans_to_the_traces_of_the_first_time() -> None:
    assert len(_traces(_NOW_NS)) == 30
    assert _traces(_NOW_NS) == _traces(_NOW_NS)
    assert not _traces(_NOW_NS) & _traces(_NOW_NS + 5 * 10**9)
