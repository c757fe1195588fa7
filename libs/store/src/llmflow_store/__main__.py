"""`python -m llmflow_store migrate`: bring the schema of LLMFLOW_DATABASE_URL up to date, then end.

With `--refuse-newer`, a schema that is newer than this LLMFlow is an error.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta

import asyncpg

from llmflow_core.config import load_settings
from llmflow_core.errors import LLMFlowError
from llmflow_core.telemetry import setup_logging
from llmflow_store.migrations import migrate
from llmflow_store.settings import MigrateSettings

_REFUSE_NEWER = "--refuse-newer"


def main() -> None:
    """Exit with 0 when the schema is up to date, 1 when it could not be, 2 for another command than `migrate`."""
    if sys.argv[1:] not in (["migrate"], ["migrate", _REFUSE_NEWER]):
        sys.stderr.write(f"usage: python -m llmflow_store migrate [{_REFUSE_NEWER}]\n")
        sys.exit(2)
    try:
        settings = load_settings(MigrateSettings)
        setup_logging("migrate", verbose=settings.verbose)
        interval = timedelta(hours=settings.chunk_hours)
        age = timedelta(days=settings.compress_after_days) or None
        applied = asyncio.run(
            migrate(
                settings.database_url,
                chunk_interval=interval,
                compress_after=age,
                refuse_newer=_REFUSE_NEWER in sys.argv,
            )
        )
    except (LLMFlowError, OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        sys.exit(f"the schema could not be migrated: {str(error) or type(error).__name__}")
    sys.stderr.write(f"the schema is up to date ({', '.join(applied) or 'nothing was missing'})\n")


if __name__ == "__main__":
    main()
