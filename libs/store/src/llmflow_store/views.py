"""Saved views: the port, a part of `Store`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from llmflow_store.versions import UNCONDITIONAL, Precondition, version_of


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedView:
    """A view of one of the page's lists, such as `traces`. `search` is its part of the page's URL, without the project;
    `author` is who saved it last. `is_default` says that the list opens with it."""

    project: str
    id: str
    page: str
    name: str
    search: Mapping[str, str]
    is_default: bool = False
    author: str

    @property
    def version(self) -> str:
        """Of what an edit replaces; see `versions`."""
        return version_of(self.page, self.name, dict(self.search), self.is_default)


class SavedViews(Protocol):
    """Saved views of all projects. Changes raise Changed, and change nothing, where `only_if` does not hold of what is
    there. Methods raise Retryable while the database is away or overloaded."""

    async def list_views(self, project: str) -> Sequence[SavedView]:
        """Those of a project, by page and name."""
        ...

    async def save_view(self, view: SavedView, *, only_if: Precondition = UNCONDITIONAL) -> bool:
        """Keep a view in place of the one with its id, if there is one; False, and nothing is changed, if another view
        of the page has its name. One that is the default takes that from the page's other views."""
        ...

    async def delete_view(self, project: str, view_id: str, *, only_if: Precondition = UNCONDITIONAL) -> bool:
        """Forget a view; whether there was one."""
        ...
