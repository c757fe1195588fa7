"""`python -m llmflow_proxy`: serve the proxy as the environment says."""

from __future__ import annotations

import sys

from llmflow_core.config import load_settings
from llmflow_core.errors import ConfigError
from llmflow_core.serving import serve
from llmflow_proxy.settings import ProxySettings


def main() -> None:
    """Serve until a signal; a wrong configuration ends with status 2 and says all that is wrong."""
    try:
        settings = load_settings(ProxySettings)
    except ConfigError as error:
        sys.exit(f"llmflow_proxy: {error}")
    serve("llmflow_proxy.app:factory", host=settings.host, port=settings.port, workers=settings.workers)


if __name__ == "__main__":
    main()
