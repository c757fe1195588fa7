"""Projects, API keys and the audit log in memory, for tests without a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime

from llmflow_core.api_keys import ApiKey
from llmflow_core.spans import DEFAULT_PROJECT, JSON, Span, SpanKey
from llmflow_store.administration import Actor, AuditEntry, KeyRecord, Project
from llmflow_store.retention import ProjectRetention, RetentionDays, RetentionOverride
from llmflow_store.versions import UNCONDITIONAL, Precondition


class MemoryAdministration:
    """`Administration` without a database, over the spans in `spans`. `failure`, if set, is raised by every read."""

    def __init__(self) -> None:
        self.spans: dict[SpanKey, Span] = {}
        self.failure: Exception | None = None
        self.audit: list[AuditEntry] = []
        self._projects: dict[str, Project] = {}
        self._keys: dict[str, tuple[ApiKey, KeyRecord]] = {}
        self._retention: dict[str, RetentionOverride] = {}

    async def list_projects(self) -> Sequence[Project]:
        self._fail()
        for name in {DEFAULT_PROJECT, *(key.project for key in self.spans)}:
            self._projects.setdefault(name, _project(name, ""))
        return sorted(self._projects.values(), key=lambda project: (project.name != DEFAULT_PROJECT, project.name))

    async def create_project(self, name: str, *, title: str = "", by: Actor) -> Project | None:
        if await self._has(name):
            return None
        self._projects[name] = _project(name, title)
        await self.append_audit("project.create", by=by, project=name, subject=name, detail={"title": title})
        return self._projects[name]

    async def rename_project(
        self, name: str, title: str, *, by: Actor, only_if: Precondition = UNCONDITIONAL
    ) -> Project | None:
        if not await self._has(name):
            return None
        only_if.check(self._projects[name].version)
        self._projects[name] = replace(self._projects[name], title=title)
        await self.append_audit("project.rename", by=by, project=name, subject=name, detail={"title": title})
        return self._projects[name]

    async def delete_project(self, name: str, *, by: Actor, only_if: Precondition = UNCONDITIONAL) -> int:
        only_if.check(self._projects[name].version if await self._has(name) else None)
        gone = [key for key in self.spans if key.project == name]
        for key in gone:
            del self.spans[key]
        self._projects.pop(name, None)
        self._keys = {key_id: pair for key_id, pair in self._keys.items() if pair[0].project != name}
        await self.append_audit("project.delete", by=by, project=name, subject=name, detail={"spans": len(gone)})
        return len(gone)

    async def create_key(self, key: ApiKey, *, name: str, by: Actor) -> KeyRecord | None:
        if not await self._has(key.project):
            return None
        record = KeyRecord(
            id=key.id,
            project=key.project,
            name=name,
            scopes=key.scopes,
            created_at=datetime.now(UTC),
            created_by=by.name,
            expires_at=None if key.expires_at is None else datetime.fromtimestamp(key.expires_at, UTC),
            last_used_at=None,
        )
        self._keys[key.id] = key, record
        expires_at = record.expires_at.isoformat() if record.expires_at else None
        detail: dict[str, JSON] = {"name": name, "scopes": sorted(key.scopes), "expires_at": expires_at}
        await self.append_audit("key.create", by=by, project=key.project, subject=key.id, detail=detail)
        return record

    async def list_keys(self, project: str) -> Sequence[KeyRecord]:
        self._fail()
        return [record for _, record in self._keys.values() if record.project == project]

    async def revoke_key(self, project: str, key_id: str, *, by: Actor) -> bool:
        if key_id not in self._keys or self._keys[key_id][0].project != project:
            return False
        _, record = self._keys.pop(key_id)
        await self.append_audit("key.revoke", by=by, project=project, subject=key_id, detail={"name": record.name})
        return True

    async def use_key(self, digest: bytes) -> ApiKey | None:
        self._fail()
        found = next((key for key in await self.key_snapshot() if key.digest == digest), None)
        if found is not None:
            await self.note_used_keys([found.id])
        return found

    async def note_used_keys(self, key_ids: Sequence[str]) -> None:
        for key_id in key_ids:
            if key_id in self._keys and self._keys[key_id][1].last_used_at is None:
                key, record = self._keys[key_id]
                self._keys[key_id] = key, replace(record, last_used_at=datetime.now(UTC))

    async def key_snapshot(self) -> Sequence[ApiKey]:
        self._fail()
        return [key for key, _ in self._keys.values() if not key.expired()]

    async def append_audit(
        self,
        action: str,
        *,
        by: Actor,
        project: str | None = None,
        subject: str | None = None,
        detail: Mapping[str, JSON] | None = None,
    ) -> None:
        self._fail()
        self.audit.append(
            AuditEntry(
                id=len(self.audit) + 1,
                at=datetime.now(UTC),
                actor=by,
                action=action,
                project=project,
                subject=subject,
                detail=detail or {},
            )
        )

    async def list_audit(
        self, *, limit: int, before: int | None = None, project: str | None = None
    ) -> Sequence[AuditEntry]:
        self._fail()
        found = [
            entry
            for entry in reversed(self.audit)
            if (before is None or entry.id < before) and (project is None or entry.project == project)
        ]
        return found[:limit]

    async def get_retention(self, project: str) -> ProjectRetention | None:
        if not await self._has(project):
            return None
        override = self._retention.get(project, RetentionOverride())
        days = RetentionDays(spans=30, content=30, rollups=30, logs=30, metrics=30).with_override(override)
        return ProjectRetention(override=override, days=days, applied_at=datetime.now(UTC))

    async def set_retention(
        self, project: str, override: RetentionOverride, *, by: Actor, only_if: Precondition = UNCONDITIONAL
    ) -> ProjectRetention | None:
        if before := await self.get_retention(project):
            only_if.check(before.version)
            self._retention[project] = override
            await self.append_audit("retention.set", by=by, project=project, subject=project, detail=asdict(override))
        return await self.get_retention(project)

    def _fail(self) -> None:
        if self.failure:
            raise self.failure

    async def _has(self, name: str) -> bool:
        return name in {project.name for project in await self.list_projects()}


def _project(name: str, title: str) -> Project:
    return Project(name=name, title=title, created_at=datetime.now(UTC))
