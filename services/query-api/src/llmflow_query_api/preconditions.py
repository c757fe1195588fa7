"""Edits that rely on what their author has seen (RFC 9110, section 13.1): If-Match, If-None-Match, and entity tags.

The entity tag of a thing is its `version`: it tells what an edit replaces, and not what LLMFlow itself notes beside.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Annotated, Any

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, SkipValidation
from msgspec import Meta

from llmflow_core.errors import Rejected
from llmflow_store.versions import ANY_VERSION, CHANGED, Precondition

Version = Annotated[
    str,
    Meta(
        description="Another one after every edit, by whomever. In double quotes it is the entity tag: an edit that is"
        " sent with it as If-Match is made only if nobody has made another one meanwhile.",
        examples=["9f4a61c0d27be35801c6a4f2"],
    ),
]
PreconditionDependency = NamedDependency[SkipValidation[Precondition]]

_MOST_CHARACTERS = 4096
# A strong entity tag, or a weak one, which no version ever is.
_TAG = r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"'
_TAGS = re.compile(rf"\s*{_TAG}\s*(,\s*{_TAG}\s*)*")
_ETAG = {
    "schema": {"type": "string"},
    "description": "The thing's version as an entity tag.",
    "example": '"9f4a61c0d27be35801c6a4f2"',
}
_PROBLEM = {
    "type": "about:blank",
    "title": HTTPStatus.PRECONDITION_FAILED.phrase,
    "status": HTTPStatus.PRECONDITION_FAILED,
    "detail": CHANGED,
}


async def read_precondition(
    if_match: Annotated[
        str | None,
        HeaderParameter(
            name="If-Match",
            description="Entity tags: versions in double quotes. Unless the thing has one of them now, nothing is done,"
            " and the answer is 412. `*` is any that there is.",
            max_length=_MOST_CHARACTERS,
        ),
    ] = None,
    if_none_match: Annotated[
        str | None,
        HeaderParameter(
            name="If-None-Match",
            description="`*`: only if there is no such thing yet; otherwise the answer is 412.",
            max_length=_MOST_CHARACTERS,
        ),
    ] = None,
) -> Precondition:
    """What a request asks of the thing that it edits. Raises Rejected for headers that are no entity tags."""
    return Precondition(match=_tags(if_match, "If-Match"), none_match=_tags(if_none_match, "If-None-Match"))


def _tags(header: str | None, name: str) -> frozenset[str] | None:
    if header is None:
        return None
    if header.strip() == ANY_VERSION:
        return frozenset({ANY_VERSION})
    if not _TAGS.fullmatch(header):
        raise Rejected('must be * or entity tags: versions in double quotes, as in "9f4a61c0d27be358"', field=name)
    return frozenset(tag for weak, tag in re.findall(_TAG, header) if not weak and tag != ANY_VERSION)


def add_etag(response: Response[Any]) -> None:
    """Give the answer that shows one thing the thing's entity tag."""
    if version := getattr(response.content, "version", None):
        response.headers["ETag"] = f'"{version}"'


def describe_preconditions(document: dict[str, Any]) -> None:
    """Say in an OpenAPI document which answers have an entity tag, and what one says for which it was too late."""
    components = document["components"]["schemas"]
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                (content,) = answer.get("content", {"": {}}).values()
                component = components.get(content.get("schema", {}).get("$ref", "").rpartition("/")[2], {})
                if "version" in component.get("properties", {}):
                    answer["headers"] = {"ETag": _ETAG}
                if int(status) == HTTPStatus.PRECONDITION_FAILED:
                    content["example"] = _PROBLEM
