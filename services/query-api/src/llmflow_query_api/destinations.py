"""The administration of destinations."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, post, put
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import JSONBody, PathParameter, QueryParameter

from llmflow_core.destinations.destination import Destination
from llmflow_core.destinations.entry import NAME_PATTERN
from llmflow_core.destinations.reading import EntryReader, Resolver
from llmflow_core.destinations.secrets import SealedReferences, SecretBox, hides, renewed, sealed
from llmflow_core.errors import Rejected
from llmflow_core.spans import JSON
from llmflow_query_api.auth import actor
from llmflow_query_api.destination_schemas import (
    DestinationDefinition,
    DestinationDetail,
    DestinationList,
    PresetList,
)
from llmflow_query_api.preconditions import PreconditionDependency
from llmflow_query_api.present_destinations import details_of, presets
from llmflow_query_api.problems import documented
from llmflow_query_api.traces import READ_ERRORS, StoreDependency
from llmflow_store.destinations import KeptDestination
from llmflow_store.port import Store
from llmflow_store.versions import Precondition

NamePath = Annotated[str, PathParameter(description="The destination's name.", pattern=NAME_PATTERN)]
_CHANGE_ERRORS = (*READ_ERRORS, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED)


@get(
    "/destinations",
    operation_id="listDestinations",
    summary="List the destinations, and how they are doing",
    responses=documented(*READ_ERRORS),
    tags=["destinations"],
)
async def list_destinations(request: Request[Any, Any, Any], store: StoreDependency) -> DestinationList:
    """Those that were added here, and those that the exporter's file and environment name, which are changed there."""
    return DestinationList(destinations=await _all(store), keeps_secrets=request.app.state.secret_box is not None)


@get(
    "/destination-presets",
    operation_id="listDestinationPresets",
    summary="List the presets of destinations",
    responses=documented(*READ_ERRORS),
    tags=["destinations"],
)
async def list_presets() -> PresetList:
    """What is particular about each backend: where it is, what it asks for, and what it reads best."""
    return PresetList(presets=presets())


@post(
    "/destinations",
    operation_id="createDestination",
    summary="Add a destination",
    response_description="Added.",
    responses=documented(*READ_ERRORS, HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    tags=["destinations"],
)
async def create_destination(
    request: Request[Any, Any, Any], store: StoreDependency, data: JSONBody[DestinationDefinition]
) -> DestinationDetail:
    """Exporters begin with it within some seconds. One that was removed before goes on where it was in the log; one
    that is new begins as `start` says."""
    definition = _stored_form(data, _box(request))
    await _refuse_foreign(store, data.name)
    if await store.add_destination(definition, by=actor(request)) is None:
        raise HTTPException(f"there is a destination {data.name} already", status_code=HTTPStatus.CONFLICT)
    return await detail_of(store, data.name)


@put(
    "/destinations/{name:str}",
    operation_id="changeDestination",
    summary="Change a destination",
    responses=documented(*_CHANGE_ERRORS, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    tags=["destinations"],
)
async def change_destination(
    request: Request[Any, Any, Any],
    store: StoreDependency,
    only_if: PreconditionDependency,
    name: NamePath,
    data: JSONBody[DestinationDefinition],
) -> DestinationDetail:
    """All of it is as it is given here; secrets that are sent back as `[secret]` stay, as long as they go to the same
    place. It keeps its name."""
    if data.name != name:
        raise Rejected("stays as it is", field="name")
    before = await _own(store, name)
    definition = _stored_form(data, _box(request), before.definition)
    await store.change_destination(definition, by=actor(request), only_if=only_if)
    return await detail_of(store, name)


@post(
    "/destinations/{name:str}/pause",
    status_code=HTTPStatus.OK,
    operation_id="pauseDestination",
    summary="Pause a destination",
    response_description="Paused.",
    responses=documented(*_CHANGE_ERRORS),
    tags=["destinations"],
)
async def pause_destination(
    request: Request[Any, Any, Any], store: StoreDependency, only_if: PreconditionDependency, name: NamePath
) -> DestinationDetail:
    """What comes meanwhile waits in the log, for as long as the log keeps it."""
    return await _set_paused(request, store, only_if, name, paused=True)


@post(
    "/destinations/{name:str}/resume",
    status_code=HTTPStatus.OK,
    operation_id="resumeDestination",
    summary="Resume a destination",
    response_description="Resumed.",
    responses=documented(*_CHANGE_ERRORS),
    tags=["destinations"],
)
async def resume_destination(
    request: Request[Any, Any, Any], store: StoreDependency, only_if: PreconditionDependency, name: NamePath
) -> DestinationDetail:
    """It goes on where it was."""
    return await _set_paused(request, store, only_if, name, paused=False)


@delete(
    "/destinations/{name:str}",
    operation_id="removeDestination",
    summary="Remove a destination",
    response_description="Removed.",
    responses=documented(*_CHANGE_ERRORS),
    tags=["destinations"],
)
async def remove_destination(
    request: Request[Any, Any, Any],
    store: StoreDependency,
    only_if: PreconditionDependency,
    name: NamePath,
    forget: Annotated[bool, QueryParameter(description="Forget how far in the log it was, too.")] = False,
) -> None:
    """Nothing more is sent there within some seconds, and its jobs end."""
    await _own(store, name)
    await store.remove_destination(name, forget=forget, by=actor(request), only_if=only_if)


async def detail_of(store: Store, name: str) -> DestinationDetail:
    """The destination of that name, wherever it comes from; raises NotFoundException for none."""
    found = next((one for one in await _all(store) if one.name == name), None)
    if found is None:
        raise NotFoundException(f"there is no destination {name}")
    return found


async def _all(store: Store) -> list[DestinationDetail]:
    kept = await store.list_destinations()
    return details_of(kept, await store.exporter_reports(), await store.destination_totals())


async def _own(store: Store, name: str) -> KeptDestination:
    found = next((one for one in await store.list_destinations() if one.name == name), None)
    if found is None:
        await _refuse_foreign(store, name)
        raise NotFoundException(f"there is no destination {name}")
    return found


async def _refuse_foreign(store: Store, name: str) -> None:
    if any(one.name == name and one.origin != "api" for one in await _all(store)):
        raise HTTPException(
            f"{name} is set up where the exporter is, and changed there", status_code=HTTPStatus.CONFLICT
        )


async def _set_paused(
    request: Request[Any, Any, Any], store: Store, only_if: Precondition, name: str, *, paused: bool
) -> DestinationDetail:
    await _own(store, name)
    await store.pause_destination(name, paused=paused, by=actor(request), only_if=only_if)
    return await detail_of(store, name)


def _box(request: Request[Any, Any, Any]) -> SecretBox | None:
    box: SecretBox | None = request.app.state.secret_box
    return box


def _stored_form(
    wanted: DestinationDefinition, box: SecretBox | None, before: Mapping[str, JSON] | None = None
) -> dict[str, JSON]:
    """A definition as it is kept; raises Rejected that names the field of what is wrong with it."""
    plain = _without_nothing(msgspec.to_builtins(wanted))
    definition = sealed(plain, box, before)
    if box is not None:
        # Those that stay may be encrypted anew meanwhile, and must not come back as they were.
        definition = renewed(definition, box)
    _read(definition, SealedReferences(box))
    if before is not None and hides(plain) and _read(definition, str).address != _read(before, str).address:
        raise Rejected("is another place now: give its secrets again", field="endpoint")
    return definition


def _read(definition: Mapping[str, JSON], resolve: Resolver) -> Destination:
    reader = EntryReader(resolve, here=False)
    destination = reader.read(definition)
    if destination is None:
        field, _, message = reader.problems[0].partition(": ")
        raise Rejected("; ".join([message, *reader.problems[1:]]), field=field)
    return destination


def _without_nothing(value: JSON) -> JSON:
    """`value` without members that say nothing."""
    if not isinstance(value, dict):
        return value
    members = {name: _without_nothing(member) for name, member in value.items()}
    return {name: member for name, member in members.items() if member not in (None, {}, [], "")}
