"""The services' settings in the chart's values schema: `python -m llmflow_testkit.chart` writes them anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from llmflow.settings_reference import MODELS
from llmflow_core.config import Settings, variable_of
from llmflow_store.settings import MigrateSettings

#: Blocks of values.yaml, and the settings that their `env` may hold.
SETTINGS: dict[str, type[Settings]] = {
    "proxy": MODELS["proxy"],
    "ingest": MODELS["ingest"],
    "writer": MODELS["writer"],
    "exporter": MODELS["exporter"],
    "queryApi": MODELS["query-api"],
    "migrate": MigrateSettings,
}
#: Decided by the chart: addresses, ports, and what has a value of its own.
DECIDED = frozenset(
    {
        "AUTH_PASSWORD",
        "AUTH_USERNAME",
        "LLMFLOW_ALLOW_DEFAULT_PASSWORD",
        "LLMFLOW_BUS_URL",
        "LLMFLOW_DATABASE_URL",
        "LLMFLOW_EXPORT_FILE",
        "LLMFLOW_FRONTEND_DIR",
        "LLMFLOW_HEALTH_PORT",
        "LLMFLOW_HOST",
        "LLMFLOW_INGEST_GRPC_PORT",
        "LLMFLOW_INGEST_ZIPKIN_PORT",
        "LLMFLOW_INGEST_HTTP_PORT",
        "LLMFLOW_INGEST_URL",
        "LLMFLOW_KEYS_REQUIRED",
        "LLMFLOW_KEYS_TOKEN",
        "LLMFLOW_KEYS_URL",
        "LLMFLOW_PRICES_FILE",
        "LLMFLOW_WORKERS",
        "PORT",
        "PROXY_PORT",
        "VERBOSE",
    }
)
#: Variables of libraries that any service may be given.
_LIBRARIES = "^(OTEL_|SSL_CERT_|(HTTPS?|NO)_PROXY$|(https?|no)_proxy$)"


def variables_of(block: str) -> dict[str, str]:
    """Every environment variable that the service of `block` reads, with its description."""
    model = SETTINGS[block]
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
