"""`python -m llmflow_ingest`: serve OTLP until SIGTERM."""

from __future__ import annotations

import sys

from llmflow_core.config import load_settings
from llmflow_core.errors import ConfigError
from llmflow_core.serving import serve
from llmflow_ingest.settings import IngestSettings


def main() -> None:
    """Check the settings, then serve."""
    try:
        settings = load_settings(IngestSettings)
    except ConfigError as error:
        sys.exit(str(error))
    serve(
        "llmflow_ingest.app:from_environment",
        host=settings.host,
        port=settings.ingest_http_port,
        workers=settings.workers,
    )


if __name__ == "__main__":
    main()
