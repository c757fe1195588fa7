"""The commands that show what happened, against a real query API with a few traces."""

from __future__ import annotations

import asyncio
import csv
import json
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest

from llmflow_core.spans import Span
from llmflow_store import open_store
from llmflow_testkit.commands import Run, printed
from llmflow_testkit.polling import eventually
from llmflow_testkit.spans import make_generation, make_span

NOW_NS = time.time_ns() - 60 * 10**9
ESCAPE = "\x1b[31m"


def conversation(*messages: tuple[str, str]) -> dict[str, str]:
    parts = [f'{{"role":"{role}","parts":[{{"type":"text","content":"{text}"}}]}}' for role, text in messages]
    return {"gen_ai.input.messages": f"[{','.join(parts[:-1])}]", "gen_ai.output.messages": f"[{parts[-1]}]"}


@pytest.fixture
def spans(run: Run, migrated_embedded_url: str) -> list[Span]:
    """A trace of two calls and a failed tool, and an older trace of one call by another user."""
    root = make_span(name="answer", start_time_ns=NOW_NS, user_id="ada", observation_type="chain")
    within = {"trace_id": root.trace_id, "parent_span_id": root.span_id, "start_time_ns": NOW_NS}
    said = [("user", "Where is my parcel?"), ("assistant", "Let me look.")]
    first = make_generation(**within, content=conversation(*said), user_id="ada", cost=Decimal("0.5"))
    second = make_generation(
        **within, content=conversation(*said, ("user", "And?"), ("assistant", f"It {'is late.'}")), cost=Decimal("0.25")
    )
    tool = make_span(
        trace_id=root.trace_id,
        parent_span_id=second.span_id,
        start_time_ns=NOW_NS,
        name=f"look up{ESCAPE}",
        observation_type="tool",
        status="error",
        status_message="no such parcel",
    )
    other = make_generation(name="other", user_id="bob", start_time_ns=NOW_NS - 10**9, session_id="s-2")

    async def write() -> None:
        store = open_store(migrated_embedded_url)
        await store.write_spans([root, first, second, tool, other])
        await store.close()

    asyncio.run(write())
    return [root, first, second, tool, other]


def test_lists_are_filtered_and_paged(run: Run, spans: list[Span]) -> None:
    page = printed(run("traces", "--json"))
    assert [trace["name"] for trace in page["traces"]] == ["answer", "other"]
    assert page["next_cursor"] is None
    first = run("traces", "--limit", "1")
    assert "answer" in first.stdout
    cursor = first.stderr.split("--cursor ")[1].strip()
    assert [trace["name"] for trace in printed(run("traces", "--cursor", cursor, "--json"))["traces"]] == ["other"]
    assert [trace["name"] for trace in printed(run("traces", "user:bob", "OR", "user:x", "--json"))["traces"]] == [
        "other"
    ]
    assert run("traces", "--since", "1s").stdout == "No traces.\n"
    assert "$0.75" in run("traces", "--since", "1h", "status:error").stdout
    assert len(printed(run("spans", "type:generation", "--json"))["spans"]) == 3
    assert spans[3].span_id.hex() in run("spans", "type:tool").stdout

    dearest = printed(run("spans", "--order", "cost", "--json"))["spans"]
    assert [span["span_id"] for span in dearest[:2]] == [spans[1].span_id.hex(), spans[2].span_id.hex()]
    oldest = printed(run("traces", "--order", "time", "--reverse", "--limit", "1", "--json"))["traces"]
    assert [trace["name"] for trace in oldest] == ["other"]


def test_lists_go_over_several_pages_of_the_api(run: Run, spans: list[Span], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmflow.api._PAGE_SIZE", 2)
    whole = printed(run("spans", "--json"))
    assert sorted(span["span_id"] for span in whole["spans"]) == sorted(span.span_id.hex() for span in spans)
    assert whole["next_cursor"] is None
    some = printed(run("spans", "--json", "--limit", "3"))
    assert some["spans"] == whole["spans"][:3]
    assert printed(run("spans", "--json", "--cursor", some["next_cursor"]))["spans"] == whole["spans"][3:]


def test_a_trace_is_shown_as_a_tree_with_its_conversation(run: Run, spans: list[Span]) -> None:
    trace_id = spans[0].trace_id.hex()
    shown = run("trace", trace_id, "--messages").stdout
    lines = shown.splitlines()
    assert "4 spans  1 errors" in lines[1]
    assert "$0.75" in lines[1]
    (answer,) = [line for line in lines if line.startswith("answer [chain]")]
    assert lines[lines.index(answer) + 1].startswith(("├─ chat gpt-4o", "└─ chat gpt-4o"))
    (tool,) = [line for line in lines if "look up" in line]
    assert "└─ look up" in tool
    assert "no such parcel" in tool
    assert ESCAPE not in shown
    assert shown.count("Where is my parcel?") == 1, "what was said before is not repeated"
    assert "assistant: It is late." in lines

    told = printed(run("trace", trace_id, "--messages", "--json"))
    assert len(told["spans"]) == 4
    assert len(told["conversations"][spans[2].span_id.hex()]["input"]) == 3
    assert "conversations" not in printed(run("trace", trace_id, "--json"))
    missing = run("trace", "00" * 16)
    assert (missing.exit_code, missing.stderr) == (1, f"llmflow: project default has no trace {'00' * 16}\n")


def test_analytics(run: Run, spans: list[Span]) -> None:
    lines = run("analytics", "cost", "--by", "user").stdout.splitlines()
    assert lines[0].split() == ["User", "cost", "sum", "Spans"]
    assert lines[1].split()[:3] == ["ada", "$0.75", "█" * 20]
    assert lines[2].split()[:2] == ["bob", "$0.005725"]
    assert lines[-1].split() == ["all", "$0.755725", "5"]
    assert run("analytics", "cost", "--by", "user", "--by", "model").stdout.split()[:2] == ["User", "Model"]
    course = run("analytics", "spans", "--since", "3h", "--interval", "1h").stdout.splitlines()
    assert "every 1h" in course[0]
    assert "█" in course[1]
    assert printed(run("analytics", "errors", "--json"))["total"]["value"] == 1


def test_sessions_users_and_models(run: Run, spans: list[Span]) -> None:
    assert "s-2" in run("sessions", "user:bob").stdout
    assert printed(run("sessions", "--limit", "1", "--json"))["next_cursor"] is not None
    users = run("users", "--since", "2h").stdout.splitlines()
    assert [line.split()[0] for line in users] == ["User", "ada", "bob"]
    (model,) = printed(run("models", "--order", "tokens", "--json"))["models"]
    assert (model["model"], model["usage"]["request_count"]) == ("gpt-4o", 3)
    assert "gpt-4o" in run("models").stdout
    assert run("models", "--unpriced").stdout == "No models.\n"


def test_scores_and_logs(run: Run, spans: list[Span]) -> None:
    trace_id = spans[0].trace_id.hex()
    assert run("scores", "add", "tone", "--label", "kind", "--trace", trace_id).stdout.startswith("scored: ")
    made = printed(run("scores", "add", "help", "0.5", "--session", "s-2", "--id", "mine", "--json"))
    assert (made["id"], made["value"], made["source"]) == ("mine", 0.5, "annotation")
    assert "kind" in run("scores", "list", "--trace", trace_id).stdout
    assert "score tone: kind (annotation)" in run("trace", trace_id).stdout
    assert len(printed(run("scores", "list", "--json"))["scores"]) == 2
    assert run("scores", "add", "tone", "1").exit_code == 2
    assert run("scores", "add", "tone", "nan", "--session", "s-2").exit_code == 2
    assert run("scores", "add", "tone", "-1", "--session", "s-2").exit_code == 0
    wrong = run("scores", "add", "tone", "0.5", "--type", "boolean", "--trace", trace_id)
    assert (wrong.exit_code, wrong.stderr) == (2, "llmflow: value: must be 0 or 1 for a boolean score\n")
    assert run("logs", "--severity", "error").stdout == "No log records.\n"


def test_exports(run: Run, spans: list[Span], tmp_path: Path) -> None:
    lines = run("export", "traces").stdout.splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["answer", "other"]
    table = tmp_path / "spans.csv"
    written = run("export", "spans", "type:generation", "--since", "1h", "-o", str(table))
    assert written.stderr == f"wrote {table.stat().st_size:,} bytes to {table}\n"
    assert len(list(csv.DictReader(table.read_text().splitlines()))) == 3
    told = run("export", "spans", "user:bob", "--format", "json", "--content").stdout
    assert "hello" in told
    assert len(json.loads(told)) == 1

    failed = run("export", "traces", "colour:red", "-o", str(table))
    assert (failed.exit_code, failed.stderr.splitlines()[-1]) == (2, "  ^")
    assert len(list(csv.DictReader(table.read_text().splitlines()))) == 3, "the file stays as it was"
    assert [file.name for file in tmp_path.iterdir()] == ["spans.csv"]
    nowhere = run("export", "traces", "-o", str(tmp_path / "absent" / "file.json"))
    assert (nowhere.exit_code, "cannot be written: No such file or directory" in nowhere.stderr) == (1, True)


async def test_tail_shows_what_arrives(run: Run, migrated_embedded_url: str) -> None:
    store = open_store(migrated_embedded_url)
    with subprocess.Popen(
        [sys.executable, "-m", "llmflow", "tail", "user:ada", "-n", "1", "--json"], stdout=subprocess.PIPE
    ) as process:

        async def ended() -> bool:
            await store.write_spans([make_span(name="answer", user_id="ada"), make_span(user_id="bob")])
            return process.poll() is not None

        await eventually(ended, within=30, every=0.2)
        assert process.returncode == 0
        assert process.stdout is not None
        assert json.loads(process.stdout.read())["name"] == "answer"
    await store.close()


def test_what_is_asked_wrongly_is_told_with_its_place(run: Run) -> None:
    for arguments, complaint in (
        (["traces", "user:ada", "colour:red"], "  user:ada colour:red\n           ^\n"),
        (["traces", "x" * 200 + " cost:>much"], f"  {'x' * 53} cost:>much\n{' ' * 62}^\n"),
        (["analytics", "cost", "--by", "nothing"], "llmflow: --by: unknown dimension 'nothing'"),
        (["analytics", "cost", "--interval", "soon"], "llmflow: interval: must be"),
        (["analytics", "colour"], "'colour' is not one of 'spans'"),
        (["traces", "--since", "soon"], "Invalid value for '--since': 'soon' is neither"),
        (["traces", "--since", "2d", "--until", "yesterday"], "Invalid value for '--until'"),
        (["traces", "--since", "1h", "--cursor", "x"], "llmflow: cursor: not a cursor of this list"),
    ):
        failed = run(*arguments)
        assert (failed.exit_code, failed.stdout) == (2, ""), arguments
        assert complaint in failed.stderr


def test_a_key_needs_no_project(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("projects", "create", "shop").exit_code == 0
    key = run("keys", "create", "reader", "-p", "shop", "-s", "read").stdout.strip()
    monkeypatch.setenv("LLMFLOW_API_KEY", key)
    assert run("traces").stdout == "No traces.\n"
    assert "is for the project shop only" in run("traces", "--project", "default").stderr


def test_nothing_is_said_when_the_reader_leaves(run: Run, spans: list[Span]) -> None:
    for flags in ([], ["--json"]):
        command = [sys.executable, "-m", "llmflow", "spans", *flags]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait(60) in (0, 1)
