"""`llmflow doctor` where something is wrong; tests/e2e/test_cli_page.py runs it where all is well."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from llmflow import doctor
from llmflow.doctor import Finding
from llmflow.instance import Where
from llmflow_bus import open_bus, topics
from llmflow_store import inspection
from llmflow_store.inspection import DatabaseFacts
from llmflow_testkit.commands import run_llmflow
from llmflow_testkit.ports import free_port


@pytest.fixture(autouse=True)
def _nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LLMFLOW_DATA_DIR", str(tmp_path / "absent"))
    for name in ("PORT", "LLMFLOW_API_URL", "LLMFLOW_BUS_URL", "LLMFLOW_DATABASE_URL", "LLMFLOW_HOST"):
        monkeypatch.delenv(name, raising=False)


def test_it_says_what_to_do_where_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("PORT", str(port))
        result = run_llmflow("doctor")
    assert result.exit_code == 1
    assert "ok   settings  every variable that is set is right\n" in result.stdout
    assert "→ start it with `llmflow up`\n" in result.stdout
    assert (
        f"FIX  ports     {port}, for query-api, is taken\n               → end the program that uses it, or set PORT\n"
        in (result.stdout)
    )


def test_wrong_settings_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "many")
    monkeypatch.setenv("RETENTION_DAYS", "few")
    findings = json.loads(run_llmflow("doctor", "--json").stdout)
    wrong = [finding["found"] for finding in findings if finding["subject"] == "settings"]
    assert any("PORT" in problem for problem in wrong)
    assert any("RETENTION_DAYS" in problem for problem in wrong)
    assert {finding["subject"] for finding in findings} == {"settings", "disk"}, "the rest would only be guesses"


def test_a_wrong_setting_of_the_commands_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMFLOW_API_URL", "somewhere")
    findings = json.loads(run_llmflow("doctor", "--json").stdout)
    assert [(finding["subject"], "LLMFLOW_API_URL" in finding["found"]) for finding in findings] == [("settings", True)]


@pytest.mark.parametrize("answer", [{"html": "<p>"}, {"json": []}, {"json": {"problems": ["one"]}}])
def test_what_answers_something_else_is_no_part_of_llmflow(answer: dict[str, Any]) -> None:
    assert doctor._problem(httpx.Response(200, **answer)) == "answers, but is no part of LLMFlow"


def test_a_log_that_lacks_topics_and_was_damaged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    url = f"embedded://{tmp_path}/log"
    asyncio.run(open_bus(url).create_topics(topics.ALL[:3]))
    aside = tmp_path / "log" / "log-damaged-20260101T000000.000000001.db"
    aside.touch()
    monkeypatch.setenv("LLMFLOW_BUS_URL", url)
    findings = json.loads(run_llmflow("doctor", "--json").stdout)
    found = {finding["found"]: finding["do"] for finding in findings if finding["subject"] == "log"}
    assert list(found) == [
        "answers; no dead letters",
        "has no topic llmflow_dead_letter",
        f"was damaged by the disk once, see {aside}",
    ]
    assert found["has no topic llmflow_dead_letter"]


def test_urls_that_are_none_are_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMFLOW_BUS_URL", "kafka://user:secret@localhost?colour=secret")
    monkeypatch.setenv("LLMFLOW_DATABASE_URL", "postgresql://user:secret/word@localhost/llmflow")
    told = run_llmflow("doctor").output
    assert "FIX  log       LLMFLOW_BUS_URL: unknown option 'colour'" in told
    assert "FIX  database  LLMFLOW_DATABASE_URL: not a PostgreSQL URL" in told
    assert "secret" not in told


def test_a_key_that_may_not_send_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ingest says to protobuf is protobuf."""

    def refuse(_: str, **request: Any) -> httpx.Response:
        assert "json" in request
        return httpx.Response(403, json={"code": 7, "message": "the API key lacks the scope ingest"})

    def send() -> Iterator[Finding]:
        doctor._send_span(doctor._site(), bytes(16))
        yield Finding("span", "sent")

    monkeypatch.setenv("LLMFLOW_API_URL", "http://llmflow.test")
    monkeypatch.setattr(httpx, "post", refuse)
    monkeypatch.setattr(doctor, "_CHECKS", {"span": send})
    [finding] = doctor._findings()
    assert "answers 403" in finding.found
    assert "the API key lacks the scope ingest" in finding.found
    assert finding.do.startswith("set LLMFLOW_API_KEY to a key that may read and ingest")


def test_a_log_and_a_database_that_are_away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LLMFLOW_BUS_URL", f"embedded://{tmp_path}/log")
    monkeypatch.setenv("LLMFLOW_DATABASE_URL", f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    monkeypatch.setenv("LLMFLOW_API_URL", f"http://127.0.0.1:{free_port()}")
    findings = {finding["subject"]: finding for finding in json.loads(run_llmflow("doctor", "--json").stdout)}
    assert findings["log"]["found"] == "does not answer"
    assert findings["database"]["found"].startswith("no connection")
    assert "does not answer" in findings["services"]["found"]
    assert "access" not in findings


@pytest.mark.parametrize(("here", "do"), [(True, "end LLMFlow and start it again"), (False, "run `python -m llmfl")])
def test_a_database_that_an_older_llmflow_left(monkeypatch: pytest.MonkeyPatch, here: bool, do: str) -> None:
    async def old(_: str) -> DatabaseFacts:
        return DatabaseFacts("18.6", 3, 20, None, 10**7, 0.0)

    where = Where(1, "http://127.0.0.1:9", "http://127.0.0.1:9", "http://127.0.0.1:9", "postgresql://u@127.0.0.1:9/d")
    monkeypatch.setattr(inspection, "inspect_database", old)
    monkeypatch.setattr(doctor, "read_where", lambda _: where if here else None)
    monkeypatch.setenv("LLMFLOW_DATABASE_URL", "postgresql://u@127.0.0.1:9/d")
    database, _ = doctor._check_database()
    assert database.do.startswith(f"schema 20 is needed: {do}")
