"""The `llmflow` command."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from llmflow import (
    alert_commands,
    analytics_commands,
    dead_letter_commands,
    destination_commands,
    doctor,
    export_commands,
    key_commands,
    log_commands,
    price_commands,
    project_commands,
    retention_commands,
    score_commands,
    tail_command,
    trace_commands,
    usage_commands,
)
from llmflow.console import errors_for_people
from llmflow.instance import default_data_dir, expanded, read_where
from llmflow_core.errors import LLMFlowError


class _Commands(TyperGroup):
    """All of them fail in the same way."""

    def invoke(self, ctx: Any) -> Any:
        """Run the one that was asked for."""
        with errors_for_people():
            return super().invoke(ctx)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="LLM observability on one machine.",
    # A reader that has gone is noticed here, not by the interpreter as it ends.
    result_callback=lambda *_, **__: sys.stdout.flush(),
)

app.add_typer(trace_commands.app)
app.add_typer(tail_command.app)
app.add_typer(analytics_commands.app)
app.add_typer(usage_commands.app)
app.add_typer(log_commands.app)
app.add_typer(score_commands.app, name="scores")
export_commands.app.add_typer(destination_commands.app)
app.add_typer(export_commands.app, name="export")
app.add_typer(price_commands.app, name="prices")
app.add_typer(alert_commands.alerts_app, name="alerts")
app.add_typer(alert_commands.budgets_app, name="budgets")
app.add_typer(dead_letter_commands.app, name="dead-letters")
app.add_typer(doctor.app)
app.add_typer(project_commands.app, name="projects")
app.add_typer(key_commands.app, name="keys")
app.add_typer(retention_commands.app, name="retention")


def _folder(text: str) -> Path:
    # Of an empty path the folder that the shell is in would be made.
    if not text:
        raise typer.BadParameter("must name a folder")
    try:
        return expanded(Path(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


DataDir = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        metavar="PATH",
        parser=_folder,
        envvar="LLMFLOW_DATA_DIR",
        help="Where everything is kept.",
        show_default=True,
    ),
]


def main() -> None:
    """Run the command that the arguments name, and end with its exit code. Ends with 1 where its output cannot be
    written."""
    _open_what_is_closed()
    try:
        app()
    except OSError as error:
        print(f"llmflow: {error}", file=sys.stderr)
        # What is left in its buffer would fail once more as the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _open_what_is_closed() -> None:
    """Have standard streams where they were closed, or else the next file that is opened becomes one."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(number, True)
            setattr(sys, name, open(number, mode))  # noqa: SIM115 - it stays open


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"llmflow {version('llmflow')}")
        raise typer.Exit


@app.callback()
def _main(
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and end.")
    ] = False,
) -> None:
    """LLM observability on one machine."""
    if isinstance(sys.stdout, TextIOWrapper):
        # A terminal that lacks a letter shows the others.
        sys.stdout.reconfigure(errors="replace")


@app.command()
def up(
    *,
    data_dir: DataDir = default_data_dir(),  # noqa: B008 - typer shows the default in --help
    host: Annotated[str, typer.Option(envvar="LLMFLOW_HOST", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="PORT", min=1, max=65535, help="Page and API.")] = 3000,
    proxy_port: Annotated[int, typer.Option(envvar="PROXY_PORT", min=1, max=65535, help="LLM proxy.")] = 8080,
    ingest_port: Annotated[
        int, typer.Option(envvar="LLMFLOW_INGEST_HTTP_PORT", min=1, max=65535, help="OTLP over HTTP.")
    ] = 4318,
    ingest_grpc_port: Annotated[
        int, typer.Option(envvar="LLMFLOW_INGEST_GRPC_PORT", min=1, max=65535, help="OTLP over gRPC.")
    ] = 4317,
    zipkin_port: Annotated[
        int,
        typer.Option(envvar="LLMFLOW_INGEST_ZIPKIN_PORT", min=0, max=65535, help="Zipkin's spans; 0 turns it off."),
    ] = 9411,
    verbose: Annotated[bool, typer.Option(envvar="VERBOSE", help="Log debug lines.")] = False,
) -> None:
    """Run every service on this machine until Ctrl-C.

    \b
    Example:
      llmflow up
    """
    from llmflow.up import Options
    from llmflow.up import up as run
    from llmflow_core.telemetry import setup_logging

    setup_logging("llmflow", verbose=verbose)
    options = Options(
        data_dir=data_dir,
        host=host,
        port=port,
        proxy_port=proxy_port,
        ingest_port=ingest_port,
        ingest_grpc_port=ingest_grpc_port,
        zipkin_port=zipkin_port,
    )
    run(options)


@app.command()
def demo(
    *,
    data_dir: DataDir = default_data_dir(),  # noqa: B008
    traces: Annotated[int, typer.Option(min=1, max=100_000, help="How many traces to send.")] = 200,
    hours: Annotated[float, typer.Option(min=0.01, max=24 * 30, help="Spread over this long until now.")] = 24,
    seed: Annotated[int, typer.Option(help="The same seed gives the same traffic.")] = 1,
    ingest_url: Annotated[str, typer.Option(help="An ingest service elsewhere.")] = "",
    remove: Annotated[bool, typer.Option("--remove", help="Delete all demo data instead.")] = False,
) -> None:
    """Send sample traffic, through the ingest service, to the project "demo"; or remove it.

    \b
    Example:
      llmflow demo
    """
    import asyncio

    from llmflow import demo as sample

    where = read_where(data_dir)
    if remove:
        if where is None:
            raise LLMFlowError(f"no LLMFlow runs on {data_dir}: start it with `llmflow up`, or give --data-dir")
        print(f"removed {asyncio.run(sample.remove(where.database_url))} demo spans")
        return
    url = ingest_url or (where.ingest_url if where else "http://localhost:4318")
    spans = asyncio.run(sample.send(url, traces=traces, hours=hours, seed=seed))
    print(f"sent {traces} traces ({spans} spans) to the project {sample.PROJECT!r} of {url}")
    if where:
        print(f"look at them: {where.page_url}/traces?project={sample.PROJECT}")


@app.command()
def settings() -> None:
    """Print every setting of every service, as Markdown.

    \b
    Example:
      llmflow settings
    """
    from llmflow.settings_reference import reference

    print(reference(), end="")
