"""What tests of the `llmflow` command share."""

from __future__ import annotations

import json
from typing import Any, Protocol

from typer.testing import CliRunner, Result


class Run(Protocol):
    """Runs `llmflow` with some arguments in this process."""

    def __call__(self, *arguments: str, input: str | None = None) -> Result:  # noqa: A002 - as CliRunner names it
        """What it printed, and its exit code."""
        ...


def run_llmflow(*arguments: str, input: str | None = None) -> Result:  # noqa: A002
    """See `Run`."""
    # Half a second, which only tests of commands should pay.
    from llmflow.cli import app

    return CliRunner().invoke(app, list(arguments), input=input)


def printed(result: Result) -> Any:
    """The JSON document that a command printed. Fails when the command did."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)
