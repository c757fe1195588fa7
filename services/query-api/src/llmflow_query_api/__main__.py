"""`python -m llmflow_query_api`: serve the page and the API until SIGTERM."""

from __future__ import annotations

import sys

from llmflow_core.config import load_settings
from llmflow_core.errors import ConfigError
from llmflow_core.serving import serve
from llmflow_query_api.settings import QueryApiSettings


def main() -> None:
    """Check the settings, then serve."""
    try:
        settings = load_settings(QueryApiSettings)
    except ConfigError as error:
        sys.exit(str(error))
    serve("llmflow_query_api.app:from_environment", host=settings.host, port=settings.port, workers=settings.workers)


if __name__ == "__main__":
    main()
