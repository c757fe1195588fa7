"""`llmflow settings`: every setting of every service, read from the settings models themselves."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from llmflow.command_settings import CommandSettings
from llmflow_core.config import Settings, variable_of
from llmflow_exporter.settings import ExporterSettings
from llmflow_ingest.settings import IngestSettings
from llmflow_proxy.settings import ProxySettings
from llmflow_query_api.settings import QueryApiSettings
from llmflow_store.settings import MigrateSettings
from llmflow_writer.settings import WriterSettings

MODELS: dict[str, type[Settings]] = {
    "migrate": MigrateSettings,
    "proxy": ProxySettings,
    "ingest": IngestSettings,
    "writer": WriterSettings,
    "exporter": ExporterSettings,
    "query-api": QueryApiSettings,
    "commands": CommandSettings,
}


def reference() -> str:
    """All settings as a Markdown page, a table a service."""
    return "\n".join(["# Settings", "", _INTRODUCTION, *_tables()])


_INTRODUCTION = """\
Every service reads its settings from environment variables. A wrong configuration stops it at once, with all problems
named. This page is made from the code: `llmflow settings > docs/settings.md`.
"""


def _tables() -> Iterator[str]:
    for service, model in MODELS.items():
        yield f"## {service}\n"
        yield "| Variable | Default | Meaning | Example |"
        yield "| --- | --- | --- | --- |"
        for name, field in model.model_fields.items():
            default = "required" if field.default is PydanticUndefined else _shown(field.default)
            example = _shown((field.examples or [""])[0])
            cells = (f"`{variable_of(model, name)}`", default, field.description or "", example)
            yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
        yield ""


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, list):
        value = ",".join(map(str, value))
    if value is None or value in ("", (), {}):
        return ""
    return f"`{shlex.quote(str(value)) if isinstance(value, str) else value}`"
