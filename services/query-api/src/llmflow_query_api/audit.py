"""The audit log of administrative actions."""

from __future__ import annotations

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from llmflow_query_api import administration_schemas as schemas
from llmflow_query_api.problems import documented
from llmflow_query_api.traces import READ_ERRORS, StoreDependency
from llmflow_store.administration import AuditEntry


@get(
    "/audit",
    operation_id="listAudit",
    summary="List administrative actions, newest first",
    responses=documented(*READ_ERRORS),
    tags=["audit"],
)
async def list_audit(
    store: StoreDependency,
    project: Annotated[
        str | None,
        QueryParameter(description="Actions on this project only.", pattern=r"^[^\x00]*$", max_length=63),
    ] = None,
    limit: Annotated[int, QueryParameter(description="The most actions on a page.", ge=1, le=200)] = 50,
    before: Annotated[
        int | None, QueryParameter(description="next_before of the page before.", ge=0, le=2**63 - 1)
    ] = None,
) -> schemas.AuditPage:
    """Who created, changed and deleted projects, API keys and settings, when, and from where."""
    found = await store.list_audit(limit=limit + 1, before=before, project=project)
    page = found[:limit]
    more = len(found) > limit
    return schemas.AuditPage(entries=[_entry(entry) for entry in page], next_before=page[-1].id if more else None)


def _entry(entry: AuditEntry) -> schemas.AuditEntry:
    return schemas.AuditEntry(
        id=entry.id,
        at=entry.at,
        actor=entry.actor.name,
        address=entry.actor.address,
        action=entry.action,
        project=entry.project,
        subject=entry.subject,
        detail=dict(entry.detail),
    )
