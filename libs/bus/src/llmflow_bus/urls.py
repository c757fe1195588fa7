"""Options in the query string of a bus URL, checked by a pydantic model of the adapter."""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from llmflow_core.errors import ConfigError


class Options(BaseModel):
    """Base of an adapter's options: immutable; a name that is not a field is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


OptionsT = TypeVar("OptionsT", bound=Options)


def split_url(url: str) -> SplitResult:
    """The parts of a bus URL. Raises ConfigError for what is none, and never repeats it, as it may hold a password."""
    try:
        return urlsplit(url)
    except ValueError:
        raise ConfigError(["LLMFLOW_BUS_URL: this is no URL (for example kafka://localhost:9092)"]) from None


def parse_options(model: type[OptionsT], query: str, **rest: Any) -> OptionsT:
    """`model` from a query string and from what the rest of the URL said, which wins.

    Raises ConfigError that names every wrong option and never repeats a value, as it may be a password.
    """
    try:
        return model(**{**dict(parse_qsl(query, keep_blank_values=True)), **rest})
    except ValidationError as error:
        known = ", ".join(sorted(model.model_fields))
        raise ConfigError([f"LLMFLOW_BUS_URL: {_problem(detail, known)}" for detail in error.errors()]) from None


def _problem(detail: Any, known: str) -> str:
    name, message = ".".join(str(part) for part in detail["loc"]), detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        return f"unknown option {name!r} (known: {known})"
    return f"{name}: {message}" if name else message
