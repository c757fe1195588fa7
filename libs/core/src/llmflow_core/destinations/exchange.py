"""How the exporter and the query API talk, over HTTP, with the token that all services share.

Every few seconds the exporter posts how its destinations are doing (`SYNC_PATH`), and gets the destinations that were
added over the API and the jobs that it is to do. Of a replay it gets the spans a page at a time (`page_path`), and
notes each page once the destination has taken it (`note_path`), so that whoever goes on with it begins there.
"""

from __future__ import annotations

SYNC_PATH = "/internal/destinations"
PAGE_PATH = "/internal/destinations/jobs/{job:int}/page"
NOTE_PATH = "/internal/destinations/jobs/{job:int}/note"

#: For how long a job is with an exporter that is not heard of.
LEASE_SECONDS = 60.0

#: Headers of a page: the spans' project, how many they are, and the position after them (JSON); without that, the end.
PROJECT_HEADER = "x-llmflow-project"
SPANS_HEADER = "x-llmflow-spans"
POSITION_HEADER = "x-llmflow-position"


def page_path(job: int) -> str:
    """Where the next spans of a replay are."""
    return PAGE_PATH.replace("{job:int}", str(job))


def note_path(job: int) -> str:
    """Where it is noted how a job goes."""
    return NOTE_PATH.replace("{job:int}", str(job))
