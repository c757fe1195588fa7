"""`llmflow dead-letters`: the records of the message log that nobody could deal with."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from llmflow import formats
from llmflow.console import Column, Json, print_json, print_table, progress
from llmflow.instance import default_data_dir, log_url
from llmflow_core.errors import LLMFlowError, Retryable

# What is imported in functions here costs memory that `llmflow up`, which needs none of it, would keep.
if TYPE_CHECKING:
    from llmflow_bus import Bus
    from llmflow_bus.dead_letters import DeadLetter

app = typer.Typer(
    no_args_is_help=True,
    help="Dead letters are records of the message log that could not be stored or forwarded. They are kept on a topic"
    " of their own, as long as the log keeps anything.",
)

_IDS = ("traceId", "spanId", "parentSpanId")
_ResultT = TypeVar("_ResultT")
_Source = Annotated[str | None, typer.Option(help="Letters that this reader refused: llmflow-writer, ...")]
_COLUMNS = {
    "id": Column("Id", whole=True),
    "time": Column("Time", formats.moment, whole=True),
    "source": Column("Refused by", formats.one_line),
    "position": Column("First place", formats.one_line),
    "size": Column("Bytes", formats.count, right=True),
    "state": Column("State"),
    "reason": Column("Reason", formats.one_line),
}


@app.command("list")
def list_letters(
    *,
    source: _Source = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="The most that is shown.")] = 50,
    as_json: Json = False,
) -> None:
    """List dead letters, newest first: who refused them, why, and where they lay.

    \b
    Examples:
      llmflow dead-letters list
      llmflow dead-letters list --source llmflow-writer --json
    """
    found = [letter for letter in _run(_letters) if source in (None, letter.source)]
    shown = [_facts(letter) for letter in reversed(found[-limit:])]
    if as_json:
        print_json({"dead_letters": shown, "total": len(found)})
        return
    print_table(shown, _COLUMNS, nothing="No dead letters.")
    if len(found) > limit:
        sys.stdout.flush()
        typer.echo(f"There are {len(found) - limit} more: --limit", err=True)


@app.command("show")
def show_letter(
    letter_id: Annotated[str, typer.Argument(help="Its id, as `list` shows it.")], *, as_json: Json = False
) -> None:
    """Show one dead letter with all that it holds.

    \b
    Example:
      llmflow dead-letters show 0:0
    """

    async def look(bus: Bus) -> tuple[DeadLetter, bytes]:
        from llmflow_bus.dead_letters import read_values

        letter = _chosen(await _letters(bus), [letter_id])[0]
        async for record in read_values(bus, [letter]):
            return letter, record.value
        raise LLMFlowError(f"the log holds the dead letter {letter_id} no more")

    letter, value = _run(look)
    told = {**_facts(letter), "headers": dict(letter.headers), "value": _decoded(letter.topic, value)}
    if as_json:
        print_json(told)
        return
    for name in ("id", "time", "source", "position", "state", "reason"):
        print(f"{name:10}{formats.plain(told[name])}")
    print()
    print(formats.plain(_indented(told["value"])))


@app.command("replay")
def replay_letters(
    letter_ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Which, by their ids.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All that wait.")] = False,
    source: _Source = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also those that were replayed before, or refused again after that.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Send dead letters back to their topic, once what had refused them is put right.

    Only the reader that had refused a letter takes it again. One that is refused again becomes a letter anew, which
    --all leaves alone. Sending a letter twice does no harm.

    \b
    Examples:
      llmflow dead-letters replay --all
      llmflow dead-letters replay 0:0 --again
    """
    if every == bool(letter_ids):
        raise typer.BadParameter("say which letters: give their ids, or --all")

    async def send(bus: Bus) -> tuple[int, int]:
        from llmflow_bus.dead_letters import replay

        letters = await _letters(bus)
        chosen = letters if every else _chosen(letters, letter_ids or [])
        chosen = [letter for letter in chosen if source in (None, letter.source)]
        wanted = [letter for letter in chosen if letter.replayable]
        if not again:
            wanted = [letter for letter in wanted if letter.replayed_ms is None and (not every or not letter.replays)]
        count = 0
        with progress("replaying", total=len(wanted)) as done:
            async for count in replay(bus, wanted):
                done(count)
        return count, len(chosen) - count

    replayed, left = _run(send)
    if as_json:
        print_json({"replayed": replayed, "left": left})
        return
    print(f"replayed {replayed} dead letters" + (f", left {left} alone" if left else ""))


def _run(work: Callable[[Bus], Awaitable[_ResultT]]) -> _ResultT:
    """What `work` returns with the log that the settings name."""
    import asyncio

    async def run() -> _ResultT:
        async with _open_log() as bus:
            return await work(bus)

    try:
        return asyncio.run(run())
    except Retryable as error:
        raise LLMFlowError(f"{error}; start LLMFlow, or set LLMFLOW_BUS_URL") from error


@asynccontextmanager
async def _open_log() -> AsyncIterator[Bus]:
    from llmflow.command_settings import CommandSettings
    from llmflow_bus import open_bus
    from llmflow_core.config import load_settings

    settings = load_settings(CommandSettings)
    bus = open_bus(settings.bus_url or log_url(settings.data_dir or default_data_dir()))
    try:
        yield bus
    finally:
        await bus.close()


async def _letters(bus: Bus) -> list[DeadLetter]:
    from llmflow_bus.dead_letters import read_letters

    return await read_letters(bus)


def _chosen(letters: list[DeadLetter], ids: list[str]) -> list[DeadLetter]:
    by_id = {letter.id: letter for letter in letters}
    missing = [letter_id for letter_id in ids if letter_id not in by_id]
    if missing:
        raise LLMFlowError(f"there is no dead letter {', '.join(missing)}")
    return [by_id[letter_id] for letter_id in dict.fromkeys(ids)]


def _facts(letter: DeadLetter) -> dict[str, Any]:
    state = "refused again" if letter.replays else "waits"
    return {
        "id": letter.id,
        "time": datetime.fromtimestamp(letter.time_ms / 1000, UTC).isoformat(),
        "source": letter.source or None,
        "reason": letter.reason,
        "topic": letter.topic or None,
        "position": letter.position,
        "size": letter.size,
        "replays": letter.replays,
        "state": "replayed" if letter.replayed_ms else state if letter.replayable else "is no record of LLMFlow",
    }


def _decoded(topic: str, value: bytes) -> Any:
    """The record as OTLP's JSON, or its bytes in hexadecimal when it cannot be read."""
    from google.protobuf.json_format import MessageToDict

    from llmflow_bus import topics
    from llmflow_core import otlp
    from llmflow_core.errors import Rejected

    parsers = {topics.SPANS: otlp.parse_traces, topics.METRICS: otlp.parse_metrics, topics.LOGS: otlp.parse_logs}
    try:
        return _with_hexadecimal_ids(MessageToDict(parsers[topic](value)))
    except (KeyError, Rejected):
        return value.hex()


def _with_hexadecimal_ids(value: Any) -> Any:
    """Protobuf's JSON writes ids in base64, OTLP's does not."""
    if isinstance(value, list):
        return [_with_hexadecimal_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: base64.b64decode(member).hex() if name in _IDS else _with_hexadecimal_ids(member)
        for name, member in value.items()
    }


def _indented(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
