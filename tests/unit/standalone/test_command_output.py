from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from llmflow import alert_commands, formats, project_commands
from llmflow.analytics_commands import MetricName
from llmflow.cli import app
from llmflow.console import Column, print_table
from llmflow.options import time_of
from llmflow.trace_tree import tree
from llmflow_store.analytics import Metric


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (formats.duration(0), "0 ns"),
        (formats.duration(1_500), "2 µs"),
        (formats.duration(12_400_000), "12 ms"),
        (formats.duration(1_250_000_000), "1.25 s"),
        (formats.duration(90 * 10**9), "1.5 m"),
        (formats.dollars("0.000375000"), "$0.000375"),
        (formats.dollars("0.5"), "$0.50"),
        (formats.dollars(1234.567), "$1,234.57"),
        (formats.dollars("0"), "$0.00"),
        (formats.count(12345), "12,345"),
        (formats.count(0.125), "0.125"),
        (formats.quantity(0.0355, "ratio"), "3.5%"),
        (formats.quantity(2e9, "nanoseconds"), "2.00 s"),
        (formats.sparkline([0, None, 4, 2]), "▁ █▅"),
        (formats.sparkline([0, None]), "▁ "),
        (formats.bar(0.5, 4), "██"),
        (formats.bar(0.05, 4), "▎"),
        (formats.plain(["a\x1b[2Jb", "c\nd"]), "a�[2Jb, c\nd"),
        (formats.one_line("a\n\tb\x9b"), "a b�"),
    ],
)
def test_figures_are_short_and_text_does_nothing_to_a_terminal(written: str, expected: str) -> None:
    assert written == expected


def test_times_are_lengths_or_iso_8601() -> None:
    assert time_of("2025-06-15T12:00:00+02:00").startswith("2025-06-15T")
    assert time_of("1h") > time_of("2h") > time_of("1d") > time_of("1.5w")
    for wrong in ("soon", "5 parsecs", "", "999999w"):
        with pytest.raises(typer.BadParameter):
            time_of(wrong)


def span(name: str, parent: str | None = None) -> dict[str, Any]:
    return {"span_id": name, "parent_span_id": parent}


def drawn(*spans: dict[str, Any]) -> list[str]:
    return [guide + found["span_id"] for guide, found in tree(spans)]


def test_a_tree_has_every_span_once() -> None:
    assert drawn(span("a"), span("b", "a"), span("c", "b"), span("d", "a"), span("e", "absent")) == [
        "a",
        "├─ b",
        "│  └─ c",
        "└─ d",
        "e",
    ]
    assert drawn(span("a", "b"), span("b", "a")) == ["a", "└─ b"], "a circle of parents"
    assert drawn(span("a", "a")) == ["a"]
    assert len(drawn(span("a"), span("a"), span("b", "a"))) == 3, "two spans with one id"


def test_a_deep_trace_stays_readable() -> None:
    lines = drawn(span("0"), *(span(str(n), str(n - 1)) for n in range(1, 5000)))
    assert len(lines) == 5000
    assert max(map(len, lines)) < 100


def test_metrics_are_those_of_the_api() -> None:
    assert [metric.value for metric in MetricName] == [metric.value for metric in Metric]


@pytest.mark.parametrize(("terminal", "lines"), [(None, 2), (80, 3), (40, 2)])
def test_tables_are_cut_nowhere(
    terminal: int | None, lines: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if terminal:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        monkeypatch.setenv("COLUMNS", str(terminal))
    columns = {"id": Column("Id", whole=True), "cost": Column("Cost", formats.dollars, right=True), "text": Column("T")}
    print_table([{"id": "i" * 32, "cost": None, "text": "word " * 12}], columns, nothing="Nothing.")
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert len(shown) == lines
    assert shown[1].startswith(f"{'i' * 32}     -  word")
    assert " ".join(shown).count("word") == 12
    print_table([], columns, nothing="Nothing.")
    assert capsys.readouterr().out == "Nothing.\n"


def test_a_terminal_that_says_little_of_itself_gets_whole_ids(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    ids = {name: name * 32 for name in "abcd"}
    print_table([ids], {name: Column(name, whole=True) for name in ids}, nothing="Nothing.")
    assert capsys.readouterr().out.splitlines()[1].split() == list(ids.values())


def test_help_needs_no_service_and_no_table() -> None:
    code = (
        "import sys; from llmflow.cli import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(loaded & {'httpx', 'rich', 'pydantic', 'asyncpg', 'aiokafka', 'litestar', 'google', 'sqlite3'})"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert shown.splitlines()[-1] == "set()"


def test_a_budget_that_nobody_has_reckoned_yet_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    budget = {"name": "Each user", "terms": {"limit": "10", "metric": "cost"}, "states": []}
    api = SimpleNamespace(get=lambda *_, **__: {"budgets": [budget]})
    monkeypatch.setattr(alert_commands, "open_api", lambda: nullcontext(api))
    listed = CliRunner().invoke(alert_commands.budgets_app, [])
    assert listed.exit_code == 0, listed.output
    assert "Each user" in listed.output
    assert "$10.00" in listed.output


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_a_terminal_without_unicode_is_written_to(monkeypatch: pytest.MonkeyPatch, option: list[str]) -> None:
    api = SimpleNamespace(get=lambda *_, **__: {"projects": [], "details": [{"name": "p", "title": "é 中"}]})
    monkeypatch.setattr(project_commands, "open_api", lambda: nullcontext(api))
    monkeypatch.setattr(project_commands, "_COLUMNS", {"name": Column("Name"), "title": Column("Title")})
    listed = CliRunner(charset="latin-1").invoke(app, ["projects", "list", *option])
    assert listed.exit_code == 0, listed.output
    if option:
        assert json.loads(listed.stdout)[0]["title"] == "é 中"
    else:
        assert "é ?" in listed.stdout
