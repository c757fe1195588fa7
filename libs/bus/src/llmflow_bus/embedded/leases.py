"""Who reads which partition of the embedded log: one OS file lock a partition and group.

The kernel releases a process's locks when it ends, however it ends, so that another consumer takes over at once. Each
member of a group also holds a lock on a file of its own; counting those gives everyone's fair share.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from llmflow_bus.embedded.log import Partition
from llmflow_core.errors import Retryable

_MEMBER = "member-"
#: The prefixes keep a group named ".." inside the folder.
GROUP = "group-"
TOPIC = "topic-"


class Leases:
    """The partitions of one topic that one consumer of a group may read."""

    def __init__(self, folder: Path, group: str, partitions: Iterable[Partition]) -> None:
        self._partitions = list(partitions)
        topic = self._partitions[0].topic
        self._folder = folder / f"{GROUP}{quote(group, safe='')}" / f"{TOPIC}{quote(topic, safe='')}"
        self._held: dict[Partition, int] = {}
        self._member: int | None = None

    @property
    def held(self) -> frozenset[Partition]:
        """The partitions that are this consumer's until the next `refresh`."""
        return frozenset(self._held)

    def refresh(self) -> None:
        """Take free partitions up to a fair share, give up what is beyond it. Raises Retryable without the folder."""
        try:
            if self._member is None:
                self._member = self._join()
            share = -(-len(self._partitions) // self._count_members())
            for partition in self._partitions[::-1]:
                if len(self._held) > share and partition in self._held:
                    os.close(self._held.pop(partition))
            for partition in self._partitions:
                if len(self._held) < share and partition not in self._held:
                    self._take(partition)
        except OSError as error:
            raise Retryable(f"the embedded log's locks cannot be taken: {error}") from error

    def _join(self) -> int:
        self._folder.mkdir(parents=True, exist_ok=True)
        name = uuid.uuid4().hex
        hidden = self._folder / name
        member = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        fcntl.flock(member, fcntl.LOCK_EX)
        # It gets its visible name only once it is locked: an unlocked member would be taken for a dead one.
        hidden.rename(self._folder / f"{_MEMBER}{name}")
        return member

    def _count_members(self) -> int:
        return sum(self._is_alive(path) for path in self._folder.iterdir() if path.name.startswith(_MEMBER))

    def _is_alive(self, member: Path) -> bool:
        try:
            probe = os.open(member, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(probe, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            member.unlink(missing_ok=True)
            return False
        finally:
            os.close(probe)

    def _take(self, partition: Partition) -> None:
        lock = os.open(self._folder / str(partition.number), os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        else:
            self._held[partition] = lock

    def release(self) -> None:
        """Leave the group. Idempotent."""
        while self._held:
            os.close(self._held.popitem()[1])
        if self._member is not None:
            os.close(self._member)
            self._member = None
