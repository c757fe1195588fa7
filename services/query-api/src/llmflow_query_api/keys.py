"""The administration of API keys."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from litestar import Request, delete, get, post
from litestar.exceptions import NotFoundException
from litestar.params import JSONBody, PathParameter

from llmflow_core.api_keys import SCOPES, ApiKey, digest_of, new_key
from llmflow_core.errors import Rejected
from llmflow_query_api.administration_schemas import CreatedKey, KeyDetail, KeyList, NewKey
from llmflow_query_api.auth import actor
from llmflow_query_api.problems import documented
from llmflow_query_api.projects import ProjectPath
from llmflow_query_api.traces import READ_ERRORS, StoreDependency
from llmflow_store.administration import KeyRecord

_LAST_TIME = datetime(2262, 4, 11, tzinfo=UTC)

KeyPath = Annotated[str, PathParameter(description="The key's id.", pattern=r"^[^\x00]*$", max_length=64)]


@post(
    "/projects/{project:str}/keys",
    operation_id="createKey",
    summary="Create an API key",
    response_description="Created; the key is shown this once.",
    responses=documented(*READ_ERRORS, HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    tags=["keys"],
)
async def create_key(
    request: Request[Any, Any, Any], store: StoreDependency, project: ProjectPath, data: JSONBody[NewKey]
) -> CreatedKey:
    """Of the key only a digest is kept: who loses it needs a new one."""
    secret, key_id = new_key()
    key = ApiKey(
        id=key_id,
        digest=digest_of(secret),
        project=project,
        scopes=frozenset(data.scopes),
        expires_at=_expiry(data.expires_at),
    )
    record = await store.create_key(key, name=data.name, by=actor(request))
    if record is None:
        raise NotFoundException(f"there is no project {project}")
    return CreatedKey(key=secret, detail=_detail(record))


@get(
    "/projects/{project:str}/keys",
    operation_id="listKeys",
    summary="List the API keys of a project",
    responses=documented(*READ_ERRORS),
    tags=["keys"],
)
async def list_keys(store: StoreDependency, project: ProjectPath) -> KeyList:
    """Without the keys themselves."""
    return KeyList(keys=[_detail(record) for record in await store.list_keys(project)])


@delete(
    "/projects/{project:str}/keys/{key_id:str}",
    operation_id="revokeKey",
    summary="Revoke an API key",
    response_description="Revoked.",
    responses=documented(*READ_ERRORS, HTTPStatus.NOT_FOUND),
    tags=["keys"],
)
async def revoke_key(
    request: Request[Any, Any, Any], store: StoreDependency, project: ProjectPath, key_id: KeyPath
) -> None:
    """This API refuses the key at once, the receiver and the proxy within LLMFLOW_KEYS_REFRESH_SECONDS."""
    if not await store.revoke_key(project, key_id, by=actor(request)):
        raise NotFoundException(f"project {project} has no key {key_id}")


def _expiry(time: datetime | None) -> float | None:
    if time is None:
        return None
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    if not datetime.now(UTC) < time < _LAST_TIME:
        raise Rejected("must lie in the future, before 2262", field="expires_at")
    return time.timestamp()


def _detail(record: KeyRecord) -> KeyDetail:
    return KeyDetail(
        id=record.id,
        project=record.project,
        name=record.name,
        scopes=[scope for scope in SCOPES if scope in record.scopes],
        created_at=record.created_at,
        created_by=record.created_by,
        expires_at=record.expires_at,
        last_used_at=record.last_used_at,
    )
