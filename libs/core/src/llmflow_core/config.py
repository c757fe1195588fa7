"""Settings from the environment: one pydantic model a service, every problem reported at once.

Names that LLMFlow's users know from its first documents (`PORT`, `AUTH_USERNAME`, ...) stay; all others start with
`LLMFLOW_`. A field's environment variable is its `validation_alias`, or `LLMFLOW_` and its name in capitals.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from llmflow_core.errors import ConfigError

ENV_PREFIX = "LLMFLOW_"


class Settings(BaseSettings):
    """Base of every service's settings: immutable, read from the environment, unknown variables ignored."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, frozen=True, extra="ignore", populate_by_name=True, env_ignore_empty=True
    )


SettingsT = TypeVar("SettingsT", bound=Settings)


def comma_separated(value: Any) -> Any:
    """`a, b` as a list of its entries, anything but a text as it is: for fields that are lists."""
    return [entry.strip() for entry in value.split(",") if entry.strip()] if isinstance(value, str) else value


def variable_of(model: type[Settings], field: str) -> str:
    """The environment variable that sets `field`."""
    alias = model.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else f"{ENV_PREFIX}{field.upper()}"


def load_settings(model: type[SettingsT], **overrides: Any) -> SettingsT:
    """Read `model` from the environment; `overrides` win over it.

    Raises ConfigError that names every wrong variable, what was found, what is wrong and an example of a right value.
    """
    try:
        return model(**overrides)
    except ValidationError as error:
        raise ConfigError(_problems(model, error)) from None


def _problems(model: type[Settings], error: ValidationError) -> list[str]:
    by_variable = {variable_of(model, name): name for name in model.model_fields}
    problems = []
    for detail in error.errors(include_url=False):
        location = str(detail["loc"][0]) if detail["loc"] else ""
        field = by_variable.get(location, location)
        if field not in model.model_fields:
            problems.append(detail["msg"])
            continue
        example = (model.model_fields[field].examples or [None])[0]
        hint = f" (for example {variable_of(model, field)}={example})" if example is not None else ""
        message = detail["msg"].removeprefix("Value error, ")
        problems.append(f"{variable_of(model, field)}: {message[:1].lower()}{message[1:]}{hint}")
    return problems
