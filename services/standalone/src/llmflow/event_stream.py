"""Server-sent events, as the HTML standard's event stream format has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Event(NamedTuple):
    """One event. `id` is the last that was sent, with this event or before; events without data have none of their own
    name and are given for that."""

    name: str
    id: str
    data: str


def events(lines: Iterable[str]) -> Iterator[Event]:
    """The events that the lines of a stream make, without their line ends."""
    name, last_id, data = "", "", list[str]()
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            yield Event(name or "message", last_id, "\n".join(data))
            name, data = "", []
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif field == "id":
            last_id = value
