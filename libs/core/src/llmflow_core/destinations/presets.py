"""What is particular about each backend: where it takes spans, how it is told who sends them, what it reads best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Protocol = Literal["otlp-http", "otlp-http-json", "otlp-grpc", "zipkin"]
#: The options that are secrets.
SECRET_OPTIONS = frozenset({"api_key", "secret_key"})
Dialect = Literal["as-received", "genai", "openinference", "openllmetry", "langfuse"]


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One backend.

    `endpoint` is where it is unless the destination says otherwise, and `path` what follows an endpoint that has none
    of its own; `exact` says that traces are posted to the endpoint itself and not below it. Templates (`{option}`) are
    filled from the destination's options, where these are given: `headers`, `basic` (user, password), and `resource`,
    resource attributes of every span. `needs` are the options without which the backend's own endpoint, the one
    named here, takes nothing. `batch_bytes` is the most that it takes at once, before compression.
    """

    endpoint: str | None = None
    path: str = ""
    exact: bool = False
    protocol: Protocol = "otlp-http"
    dialect: Dialect = "as-received"
    headers: Mapping[str, str] = field(default_factory=dict)
    basic: tuple[str, str] | None = None
    sigv4_service: str | None = None
    resource: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    defaults: Mapping[str, str] = field(default_factory=dict)
    batch_bytes: int | None = None

    @property
    def options(self) -> frozenset[str]:
        """The names of all options that it knows."""
        templates = [*self.headers.values(), *self.resource.values(), *(self.basic or ()), self.endpoint or ""]
        named = {name for template in templates for name in option_names(template)}
        return frozenset({*named, *self.needs, *self.defaults})


def option_names(template: str) -> list[str]:
    """The options that a template is filled from."""
    return [piece.partition("}")[0] for piece in template.split("{")[1:]]


_LOCAL_OTLP = "http://localhost:4318"

PRESETS: Mapping[str, Preset] = {
    "jaeger": Preset(endpoint=_LOCAL_OTLP),
    "tempo": Preset(endpoint=_LOCAL_OTLP, headers={"x-scope-orgid": "{tenant}"}),
    "collector": Preset(endpoint=_LOCAL_OTLP, headers={"authorization": "Bearer {api_key}"}),
    "llmflow": Preset(
        endpoint=_LOCAL_OTLP, headers={"authorization": "Bearer {api_key}", "x-llmflow-project": "{project}"}
    ),
    "zipkin": Preset(endpoint="http://localhost:9411", protocol="zipkin"),
    "phoenix": Preset(
        endpoint="http://localhost:6006",
        dialect="openinference",
        headers={"authorization": "Bearer {api_key}"},
        resource={"openinference.project.name": "{project}"},
    ),
    "mlflow": Preset(
        endpoint="http://localhost:5000",
        dialect="genai",
        headers={"x-mlflow-experiment-id": "{experiment_id}"},
        defaults={"experiment_id": "0"},
    ),
    # Arize's own packages send each key under both of its names.
    "arize": Preset(
        endpoint="https://otlp.arize.com/v1",
        path="/v1",
        dialect="openinference",
        headers={
            "authorization": "{api_key}",
            "api_key": "{api_key}",
            "arize-space-id": "{space_id}",
            "space_id": "{space_id}",
            "arize-interface": "otel",
        },
        resource={"openinference.project.name": "{project}"},
        needs=("api_key", "space_id", "project"),
    ),
    "langfuse": Preset(
        endpoint="https://cloud.langfuse.com/api/public/otel",
        path="/api/public/otel",
        dialect="langfuse",
        headers={"x-langfuse-ingestion-version": "4"},
        basic=("{public_key}", "{secret_key}"),
        needs=("public_key", "secret_key"),
        batch_bytes=3_000_000,
    ),
    "opik": Preset(
        endpoint="https://www.comet.com/opik/api/v1/private/otel",
        path="/api/v1/private/otel",
        dialect="openinference",
        headers={"authorization": "{api_key}", "comet-workspace": "{workspace}", "projectname": "{project}"},
        needs=("api_key", "workspace"),
    ),
    "langsmith": Preset(
        endpoint="https://api.smith.langchain.com/otel",
        path="/otel",
        dialect="openllmetry",
        headers={"x-api-key": "{api_key}", "langsmith-project": "{project}"},
        needs=("api_key",),
    ),
    "datadog": Preset(
        endpoint="https://otlp.{site}/v1/traces",
        dialect="genai",
        headers={"dd-api-key": "{api_key}", "dd-otlp-source": "{source}"},
        needs=("api_key",),
        defaults={"site": "datadoghq.com", "source": "llmobs"},
    ),
    "honeycomb": Preset(
        endpoint="https://api.honeycomb.io",
        dialect="genai",
        headers={"x-honeycomb-team": "{api_key}", "x-honeycomb-dataset": "{dataset}"},
        needs=("api_key",),
    ),
    "grafana-cloud": Preset(
        endpoint="https://otlp-gateway-{zone}.grafana.net/otlp",
        path="/otlp",
        dialect="genai",
        basic=("{instance_id}", "{api_key}"),
        needs=("zone", "instance_id", "api_key"),
    ),
    "new-relic": Preset(
        endpoint="https://otlp.nr-data.net",
        dialect="genai",
        headers={"api-key": "{api_key}"},
        needs=("api_key",),
        batch_bytes=1_000_000,
    ),
    "xray": Preset(
        endpoint="https://xray.{region}.amazonaws.com/v1/traces",
        dialect="genai",
        sigv4_service="xray",
        needs=("region",),
        batch_bytes=5_000_000,
    ),
    "traceloop": Preset(
        endpoint="https://api.traceloop.com",
        dialect="openllmetry",
        headers={"authorization": "Bearer {api_key}"},
        needs=("api_key",),
    ),
    "helicone": Preset(
        endpoint="https://api.helicone.ai/v1/trace/log-python",
        path="/v1/trace/log-python",
        exact=True,
        dialect="openllmetry",
        headers={"authorization": "Bearer {api_key}"},
        needs=("api_key",),
    ),
}
