"""The channels that notices of alerts go to."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from litestar import Request, delete, get, post, put
from litestar.exceptions import NotFoundException
from litestar.params import JSONBody, PathParameter

from llmflow_core.errors import Rejected
from llmflow_query_api import alert_schemas as schemas
from llmflow_query_api.alert_changes import AlertsDependency
from llmflow_query_api.alerting.channels import Address, open_address, seal
from llmflow_query_api.alerting.desk import AlertDesk
from llmflow_query_api.alerting.payloads import channel_test, new_event_id
from llmflow_query_api.alerting.sending import check_secret
from llmflow_query_api.auth import actor
from llmflow_query_api.preconditions import PreconditionDependency
from llmflow_query_api.problems import documented
from llmflow_query_api.traces import READ_ERRORS, StoreDependency
from llmflow_store.alerts import Channel
from llmflow_store.port import Store

_Name = Annotated[str, PathParameter(description="The channel's name.", pattern="^[a-z0-9][a-z0-9_-]{0,62}$")]


@get(
    "/channels",
    operation_id="listChannels",
    summary="List the channels that alerts are told to",
    responses=documented(*READ_ERRORS),
    tags=["alerts"],
)
async def list_channels(store: StoreDependency, alerts: AlertsDependency) -> schemas.ChannelList:
    """Without their addresses and secrets."""
    found = [_detail(channel) for channel in await store.list_channels()]
    return schemas.ChannelList(channels=found, can_keep_secrets=alerts.box is not None)


@put(
    "/channels/{name:str}",
    operation_id="saveChannel",
    summary="Set a channel",
    responses=documented(*READ_ERRORS, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    tags=["alerts"],
)
async def save_channel(
    request: Request[Any, Any, Any],
    store: StoreDependency,
    alerts: AlertsDependency,
    only_if: PreconditionDependency,
    name: _Name,
    data: JSONBody[schemas.NewChannel],
) -> schemas.ChannelDetail:
    """The address must be one that LLMFLOW_WEBHOOK_ALLOW lets through. It and the secret are encrypted with
    LLMFLOW_SECRET_KEY, and never shown again."""
    before = await _found(store, name)
    address = _address(data, before, alerts)
    host = alerts.sender.checked(address.url).host
    channel = Channel(name=name, kind=data.kind, host=host, sealed=seal(address, alerts.box))
    await store.save_channel(channel, by=actor(request), only_if=only_if)
    return _detail(channel)


@delete(
    "/channels/{name:str}",
    operation_id="deleteChannel",
    summary="Delete a channel",
    response_description="Deleted.",
    responses=documented(*READ_ERRORS, HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED),
    tags=["alerts"],
)
async def delete_channel(
    request: Request[Any, Any, Any], store: StoreDependency, only_if: PreconditionDependency, name: _Name
) -> None:
    """Notices that have not reached it are dropped, and rules that name it tell it nothing any more."""
    if not await store.delete_channel(name, by=actor(request), only_if=only_if):
        raise NotFoundException(f"there is no channel {name}")


@post(
    "/channels/{name:str}/test",
    operation_id="testChannel",
    summary="Send a test notice to a channel",
    response_description="The channel was tried once.",
    status_code=HTTPStatus.OK,
    responses=documented(*READ_ERRORS, HTTPStatus.NOT_FOUND),
    tags=["alerts"],
)
async def test_channel(
    request: Request[Any, Any, Any], store: StoreDependency, alerts: AlertsDependency, name: _Name
) -> schemas.TestResult:
    """Whether it arrives, and what the receiver answers."""
    channel = await _found(store, name)
    if channel is None:
        raise NotFoundException(f"there is no channel {name}")
    await store.append_audit("channel.test", by=actor(request), subject=name)
    return await alerts.try_channels([channel], new_event_id(), channel_test(datetime.now(UTC)))


def _address(data: schemas.NewChannel, before: Channel | None, alerts: AlertDesk) -> Address:
    """What is asked for, completed by what was there. Raises Rejected for a first address that is not given."""
    kept = None
    if before is not None and (data.url is None or data.secret is None):
        kept = open_address(before, alerts.box)
    url = data.url if data.url is not None or kept is None else kept.url
    secret = data.secret if data.secret is not None or kept is None else kept.secret
    if url is None:
        raise Rejected("must be given", field="url")
    if secret is not None:
        check_secret(secret)
    return Address(url=url.strip(), secret=secret)


async def _found(store: Store, name: str) -> Channel | None:
    return next((channel for channel in await store.list_channels() if channel.name == name), None)


def _detail(channel: Channel) -> schemas.ChannelDetail:
    kind: schemas.ChannelKind = "slack" if channel.kind == "slack" else "webhook"
    return schemas.ChannelDetail(name=channel.name, kind=kind, host=channel.host, version=channel.version)
