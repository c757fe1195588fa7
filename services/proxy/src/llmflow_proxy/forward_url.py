"""`X-LLMFlow-Forward-URL`: the upstream that a caller chooses, and which of those the proxy agrees to reach."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import httpx

from llmflow_core.errors import Rejected
from llmflow_core.url_guard import UrlGuard, parsed_url

FORWARD_HEADER = "x-llmflow-forward-url"

_LONGEST = 2048
_KNOWN = 1024
_URL = re.compile(r"https?://[^/?#@\s\\]+(?:/[^?#\s]*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a caller wants to go. `guarded` ones may only be reached at addresses that `ForwardUrls.permits`, which
    whoever connects must ask for the very address that is connected to: a name can change what it stands for."""

    base_url: httpx.URL
    guarded: bool


class ForwardUrls:
    """The upstreams that an allow-list (see `UrlGuard`) lets callers choose."""

    def __init__(self, allow: Sequence[str]) -> None:
        self._guard = UrlGuard(allow, setting="LLMFLOW_FORWARD_URL_ALLOW", field=FORWARD_HEADER)
        self.permits = self._guard.permits
        self.upstream = lru_cache(_KNOWN)(self._upstream)

    def _upstream(self, text: str) -> Upstream:
        """The upstream that the header's value names.

        Raises Rejected, without quoting the value, which may hold a credential.
        """
        url = _parsed(text)
        return Upstream(url, guarded=self._guard.check(url))


def _parsed(text: str) -> httpx.URL:
    if len(text) > _LONGEST:
        raise Rejected(f"must be at most {_LONGEST} characters", field=FORWARD_HEADER)
    url = parsed_url(text.strip()) if _URL.fullmatch(text.strip()) else None
    if url is None:
        raise Rejected("must be an http or https URL without credentials, query and fragment", field=FORWARD_HEADER)
    return url
