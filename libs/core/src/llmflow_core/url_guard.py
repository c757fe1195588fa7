"""Which addresses LLMFlow connects to when somebody else names the URL: an allow-list against requests to what only
LLMFlow's own network can reach.

A name can change what it stands for between a check and a connection, so the list is asked twice: `check` for the URL,
and `permits` for the very address that is about to be connected to.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

import httpx

from llmflow_core.errors import Rejected

#: The entry of the allow-list that stands for every address of the public internet.
PUBLIC = "public"

_LAST_PORT = 65_535
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


class UrlGuard:
    """An allow-list. An entry is a host (`*` stands for any text in it, `:8787` limits it to a port) that may be
    reached wherever it leads, an address or network in CIDR notation, or `public`.

    `setting` is the variable that the list came from, `field` what the URLs are given in: what errors name.
    """

    def __init__(self, allow: Sequence[str], *, setting: str, field: str) -> None:
        self._public = PUBLIC in allow
        self._networks = [network for entry in allow if (network := _network(entry)) is not None]
        self._hosts = [_host_pattern(entry) for entry in allow if entry != PUBLIC and _network(entry) is None]
        self._setting = setting
        self._field = field

    def check(self, url: httpx.URL) -> bool:
        """Whether the URL's host may be reached only at addresses that `permits` lets through; if not, wherever it
        leads. Raises Rejected for a host that may not be reached, without quoting the URL."""
        port = url.port or (443 if url.scheme == "https" else 80)
        host = url.host.rstrip(".")
        literal = f"[{host}]" if ":" in host else host
        if any(pattern.fullmatch(literal) or pattern.fullmatch(f"{literal}:{port}") for pattern in self._hosts):
            return False
        if not self._public and not self._networks:
            raise Rejected(f"this host is not in {self._setting}", field=self._field)
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            if _OBSCURE.search(host):
                raise Rejected("must have its address in the usual notation", field=self._field) from None
            return True
        if not self.permits(host):
            raise Rejected(f"the address {address} is not in {self._setting}", field=self._field)
        return True

    def permits(self, address: str) -> bool:
        """Whether a connection to this IP address is allowed for a guarded URL."""
        try:
            final = _final(ipaddress.ip_address(address.partition("%")[0]))
        except ValueError:
            return False
        if any(final in network for network in self._networks):
            return True
        return self._public and final.is_global and not final.is_multicast and not final.is_reserved


def parsed_url(text: str) -> httpx.URL | None:
    """The http or https URL with a host that can be looked up and without credentials that `text` is; None for
    anything else."""
    try:
        url = httpx.URL(text)
        # Connecting would only say the same of an empty label or one of more than 63 characters.
        url.host.encode("idna")
    except (httpx.InvalidURL, ValueError):
        return None
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or (url.port or 0) > _LAST_PORT:
        return None
    return url


def check_entries(entries: Sequence[str]) -> list[str]:
    """The entries of an allow-list; raises ValueError for one that is none."""
    for entry in entries:
        if _network(entry) is None and not _ENTRY.fullmatch(entry):
            raise ValueError(f"{entry!r} is neither a host, nor an address or network, nor {PUBLIC!r}")
    return list(entries)


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
