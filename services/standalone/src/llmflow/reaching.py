"""How the commands reach LLMFlow from where they run."""

from __future__ import annotations

import ipaddress
import ssl
from urllib.parse import urlsplit

from llmflow_core.errors import LLMFlowError

_PROXY = "the proxy that HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names"


def proxies_apply(url: str) -> bool:
    """Whether requests to `url` go through the proxies that the environment names, as httpx's `trust_env`.

    Those to this machine do not, for to a proxy `localhost` is another one. Raises LLMFlowError for a proxy of a kind
    that cannot be used, like SOCKS.
    """
    import httpx

    parts = urlsplit(url)
    if parts.scheme == "http" and _is_here(parts.hostname or ""):
        return False
    try:
        # A context of its own: to read the authorities' certificates takes long.
        httpx.Client(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)).close()
    except (ImportError, ValueError) as error:
        raise LLMFlowError(f"{_PROXY} cannot be used: {error}") from error
    except httpx.InvalidURL:
        # Its text repeats what it could not read, which may be a part of the password.
        raise LLMFlowError(f"{_PROXY} cannot be used: that is no URL") from None
    return True


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
