"""How `llmflow up` runs a service: `python -m llmflow.child MODULE`, with a pipe from the supervisor as standard input.

The pipe closes when the supervisor ends, however it ends; then the service is told to stop as well. So a supervisor
that was killed leaves no service behind to hold the ports.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

#: The exit code of a service that has said in words why it ends: what its settings name cannot be used. (EX_CONFIG)
SETTINGS_ARE_WRONG = 78
#: How long a service may take to stop after its supervisor has gone, in seconds.
_GRACE_SECONDS = 30


def main() -> None:
    """Run the module named on the command line as its own program, until the supervisor has gone."""
    module = sys.argv[1]
    threading.Thread(target=_stop_with_supervisor, name="supervisor-watch", daemon=True).start()
    sys.argv = [module]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if not isinstance(end.code, str):
            raise
        sys.stderr.write(f"{end.code}\n")
        sys.exit(SETTINGS_ARE_WRONG)


def _stop_with_supervisor() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
