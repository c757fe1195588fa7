"""Projects, API keys and the audit log over asyncpg."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import asyncpg
import orjson

from llmflow_core.api_keys import SCOPES, ApiKey
from llmflow_core.spans import DEFAULT_PROJECT, JSON
from llmflow_store import project_removal
from llmflow_store.administration import Actor, AuditEntry, KeyRecord, Project
from llmflow_store.values import label
from llmflow_store.versions import UNCONDITIONAL, Precondition

_KEY_RECORD = "id, project, name, scopes, created_at, created_by, expires_at, last_used_at"
_API_KEY = "id, digest, project, scopes, expires_at"

_ADD_AUDIT = """
INSERT INTO audit_log (actor, address, action, project, subject, detail) VALUES ($1, $2, $3, $4, $5, $6)
"""
_PROJECT = "name, title, created_at"
# What refers to a project goes on arriving meanwhile.
_PROJECT_TO_CHANGE = f"SELECT {_PROJECT} FROM projects WHERE name = $1 FOR NO KEY UPDATE"  # noqa: S608
_ADD_PROJECT = f"INSERT INTO projects (name, title) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING {_PROJECT}"  # noqa: S608
_ADD_KEY = f"""
INSERT INTO api_keys (id, digest, project, name, scopes, expires_at, created_by)
SELECT $1, $2, p.name, $4, $5, $6, $7 FROM projects AS p WHERE p.name = $3
RETURNING {_KEY_RECORD}
"""  # noqa: S608 - the columns are constants
# A use is written down at most once a minute, so that a busy key does not make its row hot.
_NOTE_USED = """
UPDATE api_keys SET last_used_at = now()
WHERE id = ANY ($1::text[]) AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
"""
_UNEXPIRED = "(expires_at IS NULL OR expires_at > now())"
_AUDIT = """
SELECT id, at, actor, address, action, project, subject, detail FROM audit_log
WHERE ($1::bigint IS NULL OR id < $1) AND ($2::text IS NULL OR project = $2)
ORDER BY id DESC LIMIT $3
"""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class PostgresAdministration:
    """`Administration` for a class with a pool; see there for every method."""

    def _connection(self) -> AbstractAsyncContextManager[Connection]:
        raise NotImplementedError

    async def list_projects(self) -> Sequence[Project]:
        """See `Administration`."""
        async with self._connection() as connection:
            rows = await connection.fetch(
                f"SELECT {_PROJECT} FROM projects ORDER BY name <> $1, name",  # noqa: S608
                DEFAULT_PROJECT,
            )
        return [_project(row) for row in rows]

    async def create_project(self, name: str, *, title: str = "", by: Actor) -> Project | None:
        """See `Administration`."""
        async with self._connection() as connection, connection.transaction():
            row = await connection.fetchrow(_ADD_PROJECT, name, title)
            if row is None:
                return None
            await audit(connection, "project.create", by, name, name, {"title": title})
        return _project(row)

    async def rename_project(
        self, name: str, title: str, *, by: Actor, only_if: Precondition = UNCONDITIONAL
    ) -> Project | None:
        """See `Administration`."""
        async with self._connection() as connection, connection.transaction():
            before = await held_project(connection, name)
            if before is None:
                return None
            only_if.check(before.version)
            row = await connection.fetchrow(
                f"UPDATE projects SET title = $2 WHERE name = $1 RETURNING {_PROJECT}",  # noqa: S608
                name,
                title,
            )
            assert row is not None
            await audit(connection, "project.rename", by, name, name, {"title": title})
        return _project(row)

    async def delete_project(self, name: str, *, by: Actor, only_if: Precondition = UNCONDITIONAL) -> int:
        """See `Administration`."""
        name = label(name)
        async with self._connection() as connection:
            async with connection.transaction():
                before = await held_project(connection, name)
                only_if.check(before.version if before else None)
            spans = await project_removal.remove_most(connection, name)
            async with connection.transaction():
                spans += await project_removal.remove_rest(connection, name)
                await connection.execute("DELETE FROM api_keys WHERE project = $1", name)
                await connection.execute("DELETE FROM projects WHERE name = $1 AND name <> $2", name, DEFAULT_PROJECT)
                await audit(connection, "project.delete", by, name, name, {"spans": spans})
        return spans

    async def create_key(self, key: ApiKey, *, name: str, by: Actor) -> KeyRecord | None:
        """See `Administration`."""
        expires_at = None if key.expires_at is None else round(key.expires_at * 1e6)
        scopes = [scope for scope in SCOPES if scope in key.scopes]
        async with self._connection() as connection, connection.transaction():
            row = await connection.fetchrow(
                _ADD_KEY, key.id, key.digest, key.project, name, scopes, expires_at, by.name
            )
            if row is None:
                return None
            detail: dict[str, JSON] = {
                "name": name,
                "scopes": scopes,
                "expires_at": None if expires_at is None else time_of(expires_at).isoformat(),
            }
            await audit(connection, "key.create", by, key.project, key.id, detail)
        return _key_record(row)

    async def list_keys(self, project: str) -> Sequence[KeyRecord]:
        """See `Administration`."""
        async with self._connection() as connection:
            rows = await connection.fetch(
                f"SELECT {_KEY_RECORD} FROM api_keys WHERE project = $1 ORDER BY created_at, id",  # noqa: S608
                project,
            )
        return [_key_record(row) for row in rows]

    async def revoke_key(self, project: str, key_id: str, *, by: Actor) -> bool:
        """See `Administration`."""
        async with self._connection() as connection, connection.transaction():
            name = await connection.fetchval(
                "DELETE FROM api_keys WHERE project = $1 AND id = $2 RETURNING name", project, key_id
            )
            if name is None:
                return False
            await audit(connection, "key.revoke", by, project, key_id, {"name": name})
        return True

    async def use_key(self, digest: bytes) -> ApiKey | None:
        """See `Administration`."""
        async with self._connection() as connection:
            row = await connection.fetchrow(
                f"SELECT {_API_KEY} FROM api_keys WHERE digest = $1 AND {_UNEXPIRED}",  # noqa: S608
                digest,
            )
            if row is None:
                return None
            await connection.execute(_NOTE_USED, [row["id"]])
        return _api_key(row)

    async def note_used_keys(self, key_ids: Sequence[str]) -> None:
        """See `Administration`."""
        async with self._connection() as connection:
            await connection.execute(_NOTE_USED, list(key_ids))

    async def key_snapshot(self) -> Sequence[ApiKey]:
        """See `Administration`."""
        async with self._connection() as connection:
            rows = await connection.fetch(f"SELECT {_API_KEY} FROM api_keys WHERE {_UNEXPIRED}")  # noqa: S608
        return [_api_key(row) for row in rows]

    async def append_audit(
        self,
        action: str,
        *,
        by: Actor,
        project: str | None = None,
        subject: str | None = None,
        detail: Mapping[str, JSON] | None = None,
    ) -> None:
        """See `Administration`."""
        async with self._connection() as connection:
            await audit(connection, action, by, project, subject, detail or {})

    async def list_audit(
        self, *, limit: int, before: int | None = None, project: str | None = None
    ) -> Sequence[AuditEntry]:
        """See `Administration`."""
        async with self._connection() as connection:
            rows = await connection.fetch(_AUDIT, before, project, limit)
        return [_audit_entry(row) for row in rows]


async def held_project(connection: Connection, name: str) -> Project | None:
    """A project, which nobody else edits until the open transaction ends."""
    row = await connection.fetchrow(_PROJECT_TO_CHANGE, name)
    return None if row is None else _project(row)


async def audit(
    connection: Connection,
    action: str,
    by: Actor,
    project: str | None,
    subject: str | None,
    detail: Mapping[str, JSON],
) -> None:
    """Add a line to the audit log, within the transaction of the action."""
    await connection.execute(_ADD_AUDIT, by.name, by.address, action, project, subject, orjson.dumps(detail))


def _project(row: asyncpg.Record) -> Project:
    return Project(**{**dict(row), "created_at": time_of(row["created_at"])})


def _key_record(row: asyncpg.Record) -> KeyRecord:
    times = {name: time_or_none(row[name]) for name in ("created_at", "expires_at", "last_used_at")}
    return KeyRecord(**{**dict(row), **times, "scopes": frozenset(row["scopes"])})


def _api_key(row: asyncpg.Record) -> ApiKey:
    expires_at = None if row["expires_at"] is None else row["expires_at"] / 1e6
    return ApiKey(**{**dict(row), "scopes": frozenset(row["scopes"]), "expires_at": expires_at})


def _audit_entry(row: asyncpg.Record) -> AuditEntry:
    values = {**dict(row), "at": time_of(row["at"])}
    return AuditEntry(actor=Actor(values.pop("actor"), values.pop("address")), **values)


def time_of(microseconds: int) -> datetime:
    """The time of a column of type timestamptz as connections exchange it."""
    return _EPOCH + timedelta(microseconds=microseconds)


def time_or_none(microseconds: int | None) -> datetime | None:
    """`time_of`, and None as it is."""
    return None if microseconds is None else time_of(microseconds)
