"""`python -m llmflow_query_api`: serve the page and the API until SIGTERM."""

from __future__ import annotations

from llmflow_core.config import load_settings
from llmflow_core.program import exit_on_config_error
from llmflow_core.serving import serve
from llmflow_query_api.settings import QueryApiSettings


def main() -> None:
    """Check the settings, then serve."""
    with exit_on_config_error():
        settings = load_settings(QueryApiSettings)
    factory = "llmflow_query_api.app:from_environment"
    serve(factory, host=settings.host, port=settings.port, workers=settings.workers)


if __name__ == "__main__":
    main()
