"""The bodies of saved views."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from llmflow_query_api.preconditions import Version

_NO_NUL = r"^[^\x00]*$"
ViewId = Annotated[str, Meta(examples=["3f2a9c6b7d514c0e"])]
PageName = Annotated[
    str, Meta(description="The list of the page that it is a view of.", pattern="^[a-z-]{1,40}$", examples=["traces"])
]
ViewName = Annotated[str, Meta(min_length=1, max_length=100, pattern=_NO_NUL, examples=["Slow and dear"])]
ViewText = Annotated[str, Meta(max_length=4096, pattern=_NO_NUL)]
Search = Annotated[
    dict[Annotated[str, Meta(pattern="^[a-z_]{1,40}$")], ViewText],
    Meta(
        description="The view's part of the page's URL, without the project: filter, range, and the like.",
        max_length=20,
        examples=[{"filter": "duration:>5s cost:>0.01", "range": "24h"}],
    ),
]
IsDefault = Annotated[bool, Meta(description="Whether the list opens with it; at most one view of a list is that.")]


class NewView(Struct, frozen=True, kw_only=True):
    """A view to save, for everybody in the project."""

    page: PageName
    name: ViewName
    search: Search
    is_default: IsDefault = False


class View(Struct, frozen=True, kw_only=True):
    """A view of a list that somebody saved under a name."""

    id: ViewId
    page: PageName
    name: ViewName
    search: Search
    is_default: IsDefault
    author: Annotated[str, Meta(description="Who saved it last.", examples=["llmflow"])]
    version: Version


class ViewList(Struct, frozen=True, kw_only=True):
    """All saved views of a project, by page and name."""

    views: list[View]
