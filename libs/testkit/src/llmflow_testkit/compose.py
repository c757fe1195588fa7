"""Docker Compose's own loader for compose files: reads, interpolates and checks one without a Docker engine."""

from __future__ import annotations

from pathlib import Path

from llmflow_testkit.gotools import go_tool

COMPOSE_GO_VERSION = "v2.16.2"


def find_compose_loader() -> Path:
    """A program: `cmd --format json FILE` prints the loaded model of a compose file, or fails and says what is wrong.

    It does not read the environment; a file that includes another one can give it an `env_file`. Raises BackendMissing
    when it can't be built.
    """
    return go_tool("compose-go", "github.com/compose-spec/compose-go/v2/cmd", COMPOSE_GO_VERSION)
