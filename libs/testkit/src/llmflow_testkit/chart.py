"""The services' settings in the chart's values schema: `python -m llmflow_testkit.chart` writes them anew."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from llmflow_core.config import Settings, variable_of

#: A service's block in values.yaml, and the settings that its `env` may hold.
SETTINGS = {
    "proxy": "llmflow_proxy.settings:ProxySettings",
    "ingest": "llmflow_ingest.settings:IngestSettings",
    "writer": "llmflow_writer.settings:WriterSettings",
    "exporter": "llmflow_exporter.settings:ExporterSettings",
    "queryApi": "llmflow_query_api.settings:QueryApiSettings",
    "migrate": "llmflow_store.settings:MigrateSettings",
}
#: Decided by the chart: addresses, ports, and what has a value of its own.
DECIDED = frozenset(
    {
        "AUTH_PASSWORD",
        "AUTH_USERNAME",
        "LLMFLOW_ALLOW_DEFAULT_PASSWORD",
        "LLMFLOW_BUS_URL",
        "LLMFLOW_DATABASE_URL",
        "LLMFLOW_FRONTEND_DIR",
        "LLMFLOW_HEALTH_PORT",
        "LLMFLOW_HOST",
        "LLMFLOW_INGEST_GRPC_PORT",
        "LLMFLOW_INGEST_HTTP_PORT",
        "LLMFLOW_INGEST_URL",
        "LLMFLOW_WORKERS",
        "PORT",
        "PROXY_PORT",
        "VERBOSE",
    }
)
#: Variables of libraries that any service may be given.
_LIBRARIES = "^(OTEL_|SSL_CERT_|(HTTPS?|NO)_PROXY$|(https?|no)_proxy$)"


def settings_of(block: str) -> type[Settings]:
    """The settings of the service that `block` of values.yaml configures."""
    module, _, name = SETTINGS[block].partition(":")
    model: type[Settings] = getattr(import_module(module), name)
    return model


def variables_of(block: str) -> dict[str, str]:
    """Every environment variable that the service reads, with its description."""
    model = settings_of(block)
    return {variable_of(model, name): field.description or "" for name, field in model.model_fields.items()}


def with_settings(schema: dict[str, Any]) -> dict[str, Any]:
    """The chart's values schema with the definitions of the services' settings as they are now."""
    definitions = {
        f"{block}Settings": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                name: {"type": "string", "description": description}
                for name, description in sorted(variables_of(block).items())
                if name not in DECIDED
            },
            "patternProperties": {_LIBRARIES: {"type": "string"}},
        }
        for block in SETTINGS
    }
    return {**schema, "definitions": {**schema["definitions"], **definitions}}


if __name__ == "__main__":
    file = Path("deploy/helm/llmflow/values.schema.json")
    file.write_text(json.dumps(with_settings(json.loads(file.read_text())), indent=2) + "\n")
