from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import islice

import httpx
import pytest
from typer.testing import CliRunner

from llmflow import tail_command
from llmflow.api import Api
from llmflow.cli import app
from llmflow.event_stream import Event, events
from llmflow_core.errors import LLMFlowError


def test_events_are_read_as_the_standard_says() -> None:
    lines = [": alive", "id: 1", "", "event: traces", "data: {", "data:}", "id:2", "retry: 5", "", "data: x", ""]
    assert list(events(lines)) == [
        Event("message", "1", ""),
        Event("traces", "2", "{\n}"),
        Event("message", "2", "x"),
    ]
    assert list(events(["data: never finished"])) == []


def _trace(name: str, spans: int = 1) -> dict[str, object]:
    return {"trace_id": name, "span_count": spans}


def _event(position: str, *traces: dict[str, object]) -> str:
    return f"event: traces\nid: {position}\ndata: {json.dumps({'traces': traces})}\n\n"


def _stream(text: str) -> httpx.Response:
    return httpx.Response(200, content=text.encode(), headers={"content-type": "text/event-stream; charset=utf-8"})


def _api(*answers: httpx.Response, asked: list[str | None]) -> Api:
    left = iter(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("Last-Event-ID"))
        return next(left)

    return Api(httpx.Client(base_url="http://llmflow.test", transport=httpx.MockTransport(answer)))


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_command, "_PAUSE_SECONDS", 0)


def _seen(api: Api) -> Iterator[tuple[str, int]]:
    for trace in tail_command._changes(tail_command._watch(api, None, None)):
        yield trace["trace_id"], trace["span_count"]


def test_the_stream_goes_on_where_it_broke_off(capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[str | None] = []
    api = _api(
        _stream("event: ready\nid: 1\ndata: {}\n\n" + _event("2", _trace("b"), _trace("a"))),
        httpx.Response(503, json={"detail": "away"}),
        _stream(_event("3", _trace("c"), _trace("a", 2), _trace("b")) + "event: resync\nid: 4\n\n"),
        httpx.Response(401, json={"detail": "no longer"}),
        asked=asked,
    )
    assert list(islice(_seen(api), 4)) == [("a", 1), ("b", 1), ("a", 2), ("c", 1)]
    assert asked == [None, "2", "2"]
    assert "away; trying again" in capsys.readouterr().err


def test_json_says_everything_on_a_terminal_without_unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    api = _api(_stream(_event("1", _trace("é 中"))), asked=[])
    monkeypatch.setattr(tail_command, "open_api", lambda: nullcontext(api))
    shown = CliRunner(charset="ascii").invoke(app, ["tail", "--json", "--limit", "1"])
    assert json.loads(shown.stdout)["trace_id"] == "é 中", shown.output


def test_it_ends_when_nobody_answers_from_the_start_or_access_ends() -> None:
    with pytest.raises(LLMFlowError, match="away"):
        next(_seen(_api(httpx.Response(503, json={"detail": "away"}), asked=[])))
    stream = _seen(_api(_stream(_event("2")), httpx.Response(401, json={}), asked=[]))
    with pytest.raises(LLMFlowError, match="401"):
        next(stream)
