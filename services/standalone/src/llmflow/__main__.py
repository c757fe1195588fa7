"""The llmflow command, also as `python -m llmflow`."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the command that the arguments name. Ctrl-C ends it without a word, also while it is being loaded."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        # Its exception would come out of whatever import is under way.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from llmflow.cli import main as run

    signal.signal(signal.SIGINT, before)
    try:
        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
