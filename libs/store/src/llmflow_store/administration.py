"""What LLMFlow keeps of projects, API keys and administrative actions: the port, a part of `Store`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from llmflow_core.api_keys import ApiKey, Scope
from llmflow_core.spans import JSON
from llmflow_store.versions import UNCONDITIONAL, Precondition, version_of


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, and from which network address (empty for a program on the machine)."""

    name: str
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project. `name` is what data and clients carry, `title` what people call it, empty for the same."""

    name: str
    title: str
    created_at: datetime

    @property
    def version(self) -> str:
        """Of what an edit replaces; see `versions`."""
        return version_of(self.title)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """An API key as a list shows it. `last_used_at` is right to a few minutes."""

    id: str
    project: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One administrative action; a higher `id` came later. `subject` is what it was done to."""

    id: int
    at: datetime
    actor: Actor
    action: str
    project: str | None
    subject: str | None
    detail: Mapping[str, JSON] = field(default_factory=dict)


class Administration(Protocol):
    """Every change writes its line in the audit log, as done `by` somebody, in one transaction with the change. It
    raises Changed, and changes nothing, where `only_if` does not hold of what is there.

    Methods raise Retryable while the database is away or overloaded.
    """

    async def list_projects(self) -> Sequence[Project]:
        """All projects that were created or hold spans, `default` (which always exists) first, then by name."""
        ...

    async def create_project(self, name: str, *, title: str = "", by: Actor) -> Project | None:
        """A new project; None if there is one of that name."""
        ...

    async def rename_project(
        self, name: str, title: str, *, by: Actor, only_if: Precondition = UNCONDITIONAL
    ) -> Project | None:
        """Give a project another title; None if there is no such project."""
        ...

    async def delete_project(self, name: str, *, by: Actor, only_if: Precondition = UNCONDITIONAL) -> int:
        """Delete everything of a project, its API keys included; return how many spans there were. `default` is only
        emptied. Spans that arrive later bring the project back. A call that fails leaves less than there was, and the
        next one deletes the rest; `only_if` is looked at once, before all."""
        ...

    async def create_key(self, key: ApiKey, *, name: str, by: Actor) -> KeyRecord | None:
        """Keep a new key; None if its project does not exist."""
        ...

    async def list_keys(self, project: str) -> Sequence[KeyRecord]:
        """The keys of a project, expired ones too, oldest first."""
        ...

    async def revoke_key(self, project: str, key_id: str, *, by: Actor) -> bool:
        """Forget a key of a project; False if it has none of that id."""
        ...

    async def use_key(self, digest: bytes) -> ApiKey | None:
        """The key with that digest, whose use is noted; None if there is none or it has expired."""
        ...

    async def note_used_keys(self, key_ids: Sequence[str]) -> None:
        """Note that these keys, some of which may be gone, are in use."""
        ...

    async def key_snapshot(self) -> Sequence[ApiKey]:
        """All keys that have not expired."""
        ...

    async def append_audit(
        self,
        action: str,
        *,
        by: Actor,
        project: str | None = None,
        subject: str | None = None,
        detail: Mapping[str, JSON] | None = None,
    ) -> None:
        """Add a line to the audit log, for actions on what is not kept here."""
        ...

    async def list_audit(
        self, *, limit: int, before: int | None = None, project: str | None = None
    ) -> Sequence[AuditEntry]:
        """The newest entries, those with an id below `before`, of one project or of all and none."""
        ...
