"""`llmflow projects` and `llmflow keys` against a real query API."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from llmflow_core.api_keys import is_key
from llmflow_store import open_store
from llmflow_testkit.commands import Run, printed
from llmflow_testkit.ports import free_port
from llmflow_testkit.spans import make_generation


def test_projects(run: Run) -> None:
    assert run("projects", "create", "shop", "--title", "The shop").stdout == "created the project shop\n"
    assert "The shop" in run("projects", "list").stdout
    assert printed(run("projects", "rename", "shop", "Shop 2", "--json"))["title"] == "Shop 2"
    assert [project["name"] for project in printed(run("projects", "list", "--json"))] == ["default", "shop"]
    assert run("projects", "delete", "shop", input="n\n").exit_code == 1
    assert printed(run("projects", "delete", "shop", "--yes", "--json")) == {"span_count": 0}
    assert [project["name"] for project in printed(run("projects", "list", "--json"))] == ["default"]
    mistyped = run("projects", "delete", "shop", "--yes")
    assert (mistyped.exit_code, mistyped.stderr) == (1, "llmflow: there is no project shop\n")


def test_keys(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("keys", "list").stdout == "The project default has no API keys.\n"
    made = run("keys", "create", "CI", "--scope", "read", "-s", "ingest", "--days", "1")
    key = made.stdout.strip()
    assert is_key(key)
    (listed,) = printed(run("keys", "list", "--json"))
    assert (listed["name"], listed["scopes"], listed["created_by"]) == ("CI", ["read", "ingest"], "llmflow")
    assert listed["expires_at"] is not None
    assert listed["id"] in run("keys", "list").stdout
    with monkeypatch.context() as patch:
        patch.setenv("LLMFLOW_API_KEY", key)
        assert [project["name"] for project in printed(run("projects", "list", "--json"))] == ["default"]
        assert "an API key may not do this" in run("keys", "list").stderr
    assert run("keys", "revoke", listed["id"]).exit_code == 0
    assert printed(run("keys", "list", "--json")) == []
    monkeypatch.setenv("LLMFLOW_API_KEY", key)
    failed = run("projects", "list")
    assert (failed.exit_code, key in failed.output) == (1, False)
    assert "unknown, revoked or expired (see LLMFLOW_API_KEY" in failed.stderr


def test_prices(run: Run) -> None:
    house = ("prices", "set", "house", "--model", "house-.*", "--input", "2", "--output", "8.50")
    assert run("prices", "list").stdout == "No own prices.\n"
    assert run(*house, "--cached-input", "0.5", "--from", "2026-01-01T00:00Z").stdout == "set the price house\n"
    assert "cached_input 0.5" in run("prices", "list").stdout
    (listed,) = printed(run("prices", "list", "--json"))
    assert (listed["name"], listed["price"]["output"], listed["price"]["from"]) == (
        "house",
        "8.50",
        "2026-01-01T00:00:00Z",
    )
    assert printed(run("prices", "find", "house-1", "--json"))["source"] == "own:house"
    assert printed(run("prices", "find", "house-1", "--at", "2025-12-31", "--json")) is None
    assert "genai-prices\n  input_mtok" in run("prices", "find", "gpt-4o", "--provider", "openai").stdout
    assert "has no known price" in run("prices", "find", "unheard-of").stdout
    wrong = run(*house, "--audio-input", "much")
    assert (wrong.exit_code, "--audio-input" in wrong.stderr) == (2, True)
    assert run("prices", "remove", "house").exit_code == 0
    assert run("prices", "remove", "house").exit_code == 1


def test_repricing(run: Run, migrated_embedded_url: str) -> None:
    start = time.time_ns() - 60 * 10**9
    unpriced = {"response_model": None, "cost": None, "input_cost": None, "output_cost": None}

    async def write() -> None:
        store = open_store(migrated_embedded_url)
        await store.write_spans(
            [make_generation(model="house-1", start_time_ns=start + n, **unpriced) for n in range(3)]
        )
        await store.close()

    asyncio.run(write())
    assert run("prices", "reprice", "--since", "1h").stdout == "0 of 3 spans have another cost now\n"
    run("prices", "set", "house", "--model", "house-.*", "--input", "1000", "--output", "0")
    assert run("prices", "reprice", "--since", "1h", "--until", "30m").stdout.startswith("0 of 0 spans")
    told = printed(run("prices", "reprice", "--since", "1h", "--json"))
    assert told == {"examined": 3, "changed": 3}
    assert printed(run("analytics", "cost", "--json"))["total"]["value"] == 3.6
    assert run("prices", "reprice").exit_code == 2


def test_what_the_api_refuses_is_told_in_its_words(run: Run) -> None:
    for arguments, code, complaint in (
        (["keys", "create", "k", "-p", "absent", "-s", "read"], 1, "there is no project absent"),
        (["keys", "revoke", "lf-pk-x y"], 1, "has no key lf-pk-x y"),
        (["projects", "create", "No Name"], 2, "name"),
        (["projects", "create", "default"], 1, "there is a project default already"),
    ):
        failed = run(*arguments)
        assert failed.exit_code == code
        assert failed.stderr.startswith("llmflow: ")
        assert complaint in failed.stderr


def test_what_is_not_there_or_not_llmflow_is_told(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AUTH_PASSWORD", "wrong")
    assert "see LLMFLOW_API_KEY, or AUTH_USERNAME and AUTH_PASSWORD" in run("projects", "list").stderr
    monkeypatch.setenv("LLMFLOW_API_URL", f"http://127.0.0.1:{free_port()}")
    assert "start LLMFlow, or set LLMFLOW_API_URL" in run("projects", "list").stderr
    monkeypatch.setenv("LLMFLOW_API_URL", "not a url")
    assert "LLMFLOW_API_URL" in run("projects", "list").stderr
