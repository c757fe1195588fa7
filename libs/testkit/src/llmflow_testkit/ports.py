"""Ports for servers that tests start."""

from __future__ import annotations

import os
import random
import socket

_FIRST, _LAST = 20_000, 31_999
_given: set[int] = set()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on, below the range the kernel gives to outgoing connections.

    A server can therefore stop and come back on its port: no other connection takes it meanwhile, and a client that
    keeps trying to connect never ends up connected to itself, as happens on ports of that range. Nobody else in this
    run of tests is given the port, so it may also be bound later.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    left = [port for port in range(_FIRST + worker, _LAST + 1, workers) if port not in _given]
    for port in random.sample(left, min(200, len(left))):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _given.add(port)
            return port
    raise RuntimeError(f"200 ports tried between {_FIRST} and {_LAST}, all taken")
