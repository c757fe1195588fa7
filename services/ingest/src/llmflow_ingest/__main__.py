"""`python -m llmflow_ingest`: serve OTLP until SIGTERM."""

from __future__ import annotations

from llmflow_core.config import load_settings
from llmflow_core.program import exit_on_config_error
from llmflow_core.serving import serve
from llmflow_ingest.settings import IngestSettings


def main() -> None:
    """Check the settings, then serve."""
    with exit_on_config_error():
        settings = load_settings(IngestSettings)
        serve(
            "llmflow_ingest.app:from_environment",
            host=settings.host,
            port=settings.ingest_http_port,
            also_port=settings.ingest_zipkin_port or None,
            workers=settings.workers,
        )


if __name__ == "__main__":
    main()
