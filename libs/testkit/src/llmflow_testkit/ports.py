"""Ports for servers that tests start."""

from __future__ import annotations

import os
import random
import re
import socket
from collections import deque
from functools import cache

_FIRST, _LAST = 20_000, 31_999
#: Workers of pytest-xdist that have ports to themselves; further ones share them.
_WORKERS = 8


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on, below the range the kernel gives to outgoing connections.

    A server can therefore stop and come back on its port: no other connection takes it meanwhile, and a client that
    keeps trying to connect never ends up connected to itself, as happens on ports of that range. Nobody else of this
    test run gets it before all others were given out, so it may also be a while before it is listened on.
    """
    ports = _ports()
    for _ in range(len(ports)):
        port = ports.popleft()
        ports.append(port)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"all ports of this process between {_FIRST} and {_LAST} are taken")


@cache
def _ports() -> deque[int]:
    """Those of this process, in an order of its own; the next one comes first."""
    worker = int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or 0)
    ports = list(range(_FIRST + worker % _WORKERS, _LAST + 1, _WORKERS))
    random.SystemRandom().shuffle(ports)
    return deque(ports)
