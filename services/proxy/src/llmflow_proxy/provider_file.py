"""Providers of one's own, from a YAML table."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from llmflow_core.config import variable_of
from llmflow_core.errors import ConfigError
from llmflow_proxy.settings import BaseUrl, ProxySettings

#: First path segments that mean something else.
_RESERVED = frozenset({"v1", "v1alpha", "v1beta", "v2", "upload", "healthz", "readyz", "metrics"})
_VARIABLE = variable_of(ProxySettings, "providers_file")


def _not_reserved(name: str) -> str:
    if name in _RESERVED:
        raise ValueError("is the beginning of a path that the proxy serves already")
    return name


class Entry(BaseModel):
    """One provider: the path prefix, where it is, what it speaks, headers added to calls that lack them, and its
    `gen_ai.provider.name` (the prefix when it has none)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=64), AfterValidator(_not_reserved)]
    base_url: BaseUrl
    api: str = "openai"
    default_headers: dict[str, str] = {}
    provider_name: str | None = None


def entries_of(file: Path | None, *, known: Iterable[str], apis: Iterable[str]) -> list[Entry]:
    """The entries of the file, a list under `providers`; none without a file.

    Raises ConfigError that names file, entry and field of everything that is wrong.
    """
    if file is None:
        return []
    taken, speakable = set(known), sorted(apis)
    problems: list[str] = []
    entries: list[Entry] = []
    for number, raw in enumerate(_table(file), 1):
        name = raw.get("name") if isinstance(raw, dict) else None
        where = f"{_VARIABLE}: {file}: entry {number}" + (f" ({name})" if isinstance(name, str) else "")
        try:
            entry = Entry.model_validate(raw)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
            problems += [f"{where}: {'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in details]
            continue
        if entry.name in taken:
            problems.append(f"{where}: name: there is a provider of this name already")
        if entry.api not in speakable:
            problems.append(f"{where}: api: must be one of {', '.join(speakable)}")
        taken.add(entry.name)
        entries.append(entry)
    if problems:
        raise ConfigError(problems)
    return entries


def _table(file: Path) -> list[Any]:
    import yaml  # most deployments have no such file, and every worker would pay for the parser

    try:
        content = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{_VARIABLE}: {file}: cannot be read: {error}"]) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise ConfigError([f"{_VARIABLE}: {file}: is not YAML{line}"]) from None
    rows = content.get("providers") if isinstance(content, dict) else None
    if not isinstance(rows, list):
        raise ConfigError([f"{_VARIABLE}: {file}: must have a list under `providers`"])
    return rows
