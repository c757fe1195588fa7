"""The destinations of the YAML file: a list under `destinations`, every mistake in it told at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llmflow_core.destinations.destination import Destination
from llmflow_core.destinations.reading import EntryReader
from llmflow_core.errors import ConfigError


def destinations_of(file: Path, *, variable: str) -> list[Destination]:
    """The file's destinations, in its order.

    Raises ConfigError that names `variable`, the file, the destination and the field of everything that is wrong, and
    quotes no value that may be a secret.
    """
    problems: list[str] = []
    found: dict[str, Destination] = {}
    for number, raw in enumerate(_rows(file, variable), 1):
        name = raw.get("name") if isinstance(raw, dict) else None
        where = f"{variable}: {file}: destination {name if isinstance(name, str) else number}"
        reader = EntryReader()
        destination = reader.read(raw)
        problems += [f"{where}: {problem}" for problem in reader.problems]
        if destination is None:
            continue
        if destination.name in found:
            problems.append(f"{where}: name: another destination has it")
        found[destination.name] = destination
    if problems:
        raise ConfigError(problems)
    return list(found.values())


def _rows(file: Path, variable: str) -> list[Any]:
    import yaml  # most deployments have no such file

    try:
        content = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{variable}: {file}: cannot be read: {type(error).__name__}"]) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ConfigError([f"{variable}: {file}: is not YAML{f' in line {mark.line + 1}' if mark else ''}"]) from None
    rows = content.get("destinations") if isinstance(content, dict) else None
    if not isinstance(rows, list):
        raise ConfigError([f"{variable}: {file}: must have a list under `destinations`"])
    return rows
