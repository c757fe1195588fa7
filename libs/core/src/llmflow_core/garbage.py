"""How a service that answers thousands of requests a second looks for cyclic garbage."""

from __future__ import annotations

import gc

_THRESHOLD = 50_000


def collect_rarely(threshold: int = _THRESHOLD) -> None:
    """Look for cyclic garbage more rarely than Python does by default, and never in what there is now.

    `threshold` is the number of container objects made and not freed between two looks; Python's own is 700, and 2,000
    from 3.13 on.

    For a process that has imported what it needs, and whose requests leave next to no cycles: looking as often as by
    default, and through everything, would take a twentieth of its time.
    """
    gc.freeze()
    gc.set_threshold(threshold)
