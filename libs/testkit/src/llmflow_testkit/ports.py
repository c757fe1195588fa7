"""Ports for servers that tests start."""

from __future__ import annotations

import random
import socket

_FIRST, _LAST = 20_000, 31_999


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on, below the range the kernel gives to outgoing connections.

    A server can therefore stop and come back on its port: no other connection takes it meanwhile, and a client that
    keeps trying to connect never ends up connected to itself, as happens on ports of that range.
    """
    for port in random.sample(range(_FIRST, _LAST + 1), 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"200 ports tried between {_FIRST} and {_LAST}, all taken")
