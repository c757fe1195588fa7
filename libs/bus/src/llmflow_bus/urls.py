"""Options in the query string of a bus URL, checked by a pydantic model of the adapter."""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, ValidationError

from llmflow_core.errors import ConfigError


class Options(BaseModel):
    """Base of an adapter's options: immutable; a name that is not a field is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


OptionsT = TypeVar("OptionsT", bound=Options)


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
    name = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return f"unknown option {name!r} (known: {known})"
    return f"{name}: {detail['msg']}" if name else str(detail["msg"])
