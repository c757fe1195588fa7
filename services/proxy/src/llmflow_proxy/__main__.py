"""`python -m llmflow_proxy`: forward calls until SIGTERM."""

from __future__ import annotations

from llmflow_core.config import load_settings
from llmflow_core.program import exit_on_config_error
from llmflow_core.serving import Patience, serve
from llmflow_proxy.providers import providers_of
from llmflow_proxy.settings import ProxySettings


def main() -> None:
    """Check the settings, then serve."""
    with exit_on_config_error():
        settings = load_settings(ProxySettings)
        providers_of(settings)
    factory = "llmflow_proxy.app:from_environment"
    serve(
        factory,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        date_header=False,
        patience=Patience(
            body=settings.caller_send_timeout, answer=settings.caller_read_timeout, stop=settings.stop_timeout
        ),
    )


if __name__ == "__main__":
    main()
