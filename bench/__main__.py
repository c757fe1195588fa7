"""`python -m bench`: measure LLMFlow beside its peers, on this machine only. See docs/benchmarks.md."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

import bench.exporter.command
import bench.ingest.command
import bench.page.command
import bench.proxy.command
import bench.store.command
import bench.writer.command

_PARTS = {
    "proxy": bench.proxy.command.main,
    "ingest": bench.ingest.command.main,
    "exporter": bench.exporter.command.main,
    "store": bench.store.command.main,
    "writer": bench.writer.command.main,
    "page": bench.page.command.main,
}


def main(arguments: Sequence[str]) -> int:
    """Run the part that the first argument names with the others, or, without arguments, every part."""
    if not arguments:
        return max([part([]) for part in _PARTS.values()])
    part = _PARTS.get(arguments[0])
    if part is None:
        names = ", ".join(_PARTS)
        print(f'make bench: every part; make bench ARGS="PART …": one of {names}; ARGS="PART --help": its options')
        return 0 if arguments[0] in ("-h", "--help") else 2
    return part(arguments[1:])


if __name__ == "__main__":
    # Ended by a time limit, it takes its servers along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main(sys.argv[1:]))
