"""Channels: their addresses and signing secrets, which are stored sealed and never shown."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from llmflow_core.destinations.secrets import SealedReferences, SecretBox
from llmflow_core.errors import Rejected
from llmflow_store.alerts import Channel

NO_KEY = "addresses of channels are kept only encrypted: set LLMFLOW_SECRET_KEY for the query API"


class Address(Struct, frozen=True):
    """Where a channel's notices go, and what they are signed with."""

    url: str
    secret: str | None


def seal(address: Address, box: SecretBox | None) -> str:
    """The address as it is stored. Raises Rejected when there is no key to seal it with."""
    if box is None:
        raise Rejected(NO_KEY, field="url")
    return box.seal(msgspec.json.encode(address).decode())


def open_address(channel: Channel, box: SecretBox | None) -> Address:
    """The address of a stored channel. Raises Rejected when it was sealed with another key, or there is none."""
    try:
        return msgspec.json.decode(SealedReferences(box)(channel.sealed), type=Address)
    except ValueError as error:
        raise Rejected(f"the address of {channel.name} {error}", field="url") from None
