"""`X-LLMFlow-Forward-URL`: the upstream that a caller chooses, and which of those the proxy agrees to reach."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import httpx

from llmflow_core.errors import Rejected

FORWARD_HEADER = "x-llmflow-forward-url"
#: The entry of the allow-list that stands for every address of the public internet.
PUBLIC = "public"

_LONGEST = 2048
_KNOWN = 1024
_LAST_PORT = 65_535
_URL = re.compile(r"https?://[^/?#@\s\\]+(?:/[^?#\s]*)?", re.IGNORECASE)
#: An IPv4 address as inet_aton takes it: one number, hexadecimal, octal, with parts left out.
_OBSCURE = re.compile(r"(?:^|\.)(?:\d+|0x[0-9a-f]*)$", re.IGNORECASE)
_ENTRY = re.compile(r"(?:[\w*-]+(?:\.[\w*-]+)*|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?")
#: IPv6 prefixes whose addresses carry an IPv4 address that the packets go to in the end, and where in them it is.
_EMBEDDING = {
    ipaddress.IPv6Network("64:ff9b::/96"): 0,
    ipaddress.IPv6Network("2002::/16"): 80,
    ipaddress.IPv6Network("::/96"): 0,
}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a caller wants to go. `guarded` ones may only be reached at addresses that `ForwardUrls.permits`, which
    whoever connects must ask for the very address that is connected to: a name can change what it stands for."""

    base_url: httpx.URL
    guarded: bool


class ForwardUrls:
    """The allow-list. An entry is a host (`*` stands for any text in it, `:8787` limits it to a port) that may be
    reached wherever it leads, an address or network in CIDR notation, or `public`."""

    def __init__(self, allow: Sequence[str]) -> None:
        self._public = PUBLIC in allow
        self._networks = [network for entry in allow if (network := _network(entry)) is not None]
        self._hosts = [_host_pattern(entry) for entry in allow if entry != PUBLIC and _network(entry) is None]
        self.upstream = lru_cache(_KNOWN)(self._upstream)

    def _upstream(self, text: str) -> Upstream:
        """The upstream that the header's value names.

        Raises Rejected, without quoting the value, which may hold a credential.
        """
        url = _parsed(text)
        port = url.port or (443 if url.scheme == "https" else 80)
        host = url.host.rstrip(".")
        literal = f"[{host}]" if ":" in host else host
        if any(pattern.fullmatch(literal) or pattern.fullmatch(f"{literal}:{port}") for pattern in self._hosts):
            return Upstream(url, guarded=False)
        if not self._public and not self._networks:
            raise Rejected("this host is not in LLMFLOW_FORWARD_URL_ALLOW", field=FORWARD_HEADER)
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            if _OBSCURE.search(host):
                raise Rejected("must have its address in the usual notation", field=FORWARD_HEADER) from None
            return Upstream(url, guarded=True)
        if not self.permits(host):
            raise Rejected(f"the address {address} is not in LLMFLOW_FORWARD_URL_ALLOW", field=FORWARD_HEADER)
        return Upstream(url, guarded=True)

    def permits(self, address: str) -> bool:
        """Whether a connection to this IP address is allowed for a guarded upstream."""
        try:
            final = _final(ipaddress.ip_address(address.partition("%")[0]))
        except ValueError:
            return False
        if any(final in network for network in self._networks):
            return True
        return self._public and final.is_global and not final.is_multicast and not final.is_reserved


def check_entries(entries: Sequence[str]) -> None:
    """Raise ValueError for an entry of an allow-list that is none."""
    for entry in entries:
        if _network(entry) is None and not _ENTRY.fullmatch(entry):
            raise ValueError(f"{entry!r} is neither a host, nor an address or network, nor {PUBLIC!r}")


def _parsed(text: str) -> httpx.URL:
    if len(text) > _LONGEST:
        raise Rejected(f"must be at most {_LONGEST} characters", field=FORWARD_HEADER)
    try:
        url = httpx.URL(text.strip()) if _URL.fullmatch(text.strip()) else None
    except (httpx.InvalidURL, ValueError):
        url = None
    if url is None or not url.host or (url.port or 0) > _LAST_PORT:
        raise Rejected("must be an http or https URL without credentials, query and fragment", field=FORWARD_HEADER)
    return url


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return None


def _host_pattern(entry: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in entry.lower().split("*")))


def _final(address: Address) -> Address:
    """The address that packets reach, taken out of what carries it."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped:
        return address.ipv4_mapped
    for network, shift in _EMBEDDING.items():
        if address in network and int(address) > 1:
            return ipaddress.IPv4Address((int(address) >> shift) & 0xFFFFFFFF)
    return address
