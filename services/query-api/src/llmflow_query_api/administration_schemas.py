"""The bodies of projects, API keys and the audit log; `schemas` says how they write times."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct

from llmflow_core.api_keys import Scope
from llmflow_query_api.preconditions import Version
from llmflow_store.retention import MOST_DAYS

_NO_NUL = r"^[^\x00]*$"
ProjectName = Annotated[
    str,
    Meta(
        description="The name that data and clients carry; it never changes.",
        pattern="^[a-z0-9][a-z0-9_-]{0,62}$",
        examples=["shop"],
    ),
]
Title = Annotated[
    str,
    Meta(
        description="What people call the project; empty for its name.",
        max_length=200,
        pattern=_NO_NUL,
        examples=["The shop"],
    ),
]
KeyName = Annotated[
    str,
    Meta(description="What the key is for.", min_length=1, max_length=200, pattern=_NO_NUL, examples=["checkout, CI"]),
]
KeyId = Annotated[str, Meta(description="Public.", examples=["lf-pk-vXb1mPq0a9Zt3kLw"])]
Days = Annotated[
    int,
    Meta(description="For how many days it is kept; 0 is for ever.", ge=0, le=MOST_DAYS, examples=[30]),
]
ExpiresAt = Annotated[datetime | None, Meta(description="From when on the key is refused; null for never.")]


class ProjectDetail(Struct, frozen=True, kw_only=True):
    """A project. `default` always exists; others come to be by being created, or by spans that name them."""

    name: Annotated[str, Meta(examples=["shop"])]
    title: Title
    created_at: datetime
    version: Version


class ProjectList(Struct, frozen=True, kw_only=True):
    """The projects that exist, `default` first: their names, and what is known of each in the same order."""

    projects: Annotated[list[str], Meta(examples=[["default", "demo"]])]
    details: list[ProjectDetail]


class NewProject(Struct, frozen=True, kw_only=True):
    """A project to create."""

    name: ProjectName
    title: Title = ""


class ProjectChange(Struct, frozen=True, kw_only=True):
    """What to change of a project."""

    title: Title


class DeletedProject(Struct, frozen=True, kw_only=True):
    """What a deletion has removed."""

    span_count: Annotated[int, Meta(examples=[1200])]


class RetentionDays(Struct, frozen=True, kw_only=True):
    """For how many days each kind is kept: spans with their traces and scores, what they said, the sums behind charts,
    logs, and metrics. Content never outlives its spans."""

    spans: Days
    content: Days
    rollups: Days
    logs: Days
    metrics: Days


class RetentionChoice(Struct, frozen=True, kw_only=True):
    """What a project has chosen; null is as the server's settings say."""

    spans: Days | None = None
    content: Days | None = None
    rollups: Days | None = None
    logs: Days | None = None
    metrics: Days | None = None


class RetentionDetail(Struct, frozen=True, kw_only=True):
    """How long a project's data is kept. `days` and `applied_at` are null before the writer has applied retention for
    the first time, for it knows the server's settings."""

    chosen: RetentionChoice
    days: RetentionDays | None
    applied_at: Annotated[datetime | None, Meta(description="When retention was last applied, for all projects.")]
    version: Version


class NewKey(Struct, frozen=True, kw_only=True):
    """An API key to create."""

    name: KeyName
    scopes: Annotated[
        set[Scope],
        Meta(
            description="read: see the project's data. write: change it. ingest: send spans, by OTLP or the proxy.",
            min_length=1,
            examples=[["ingest"]],
        ),
    ]
    expires_at: ExpiresAt = None


class KeyDetail(Struct, frozen=True, kw_only=True):
    """An API key, without the key itself, which is not kept."""

    id: KeyId
    project: Annotated[str, Meta(examples=["shop"])]
    name: KeyName
    scopes: list[Scope]
    created_at: datetime
    created_by: Annotated[str, Meta(description="Who created it.", examples=["llmflow"])]
    expires_at: ExpiresAt
    last_used_at: Annotated[datetime | None, Meta(description="Right to a few minutes; null for never.")]


class CreatedKey(Struct, frozen=True, kw_only=True):
    """A new API key. `key` is shown this once and never again."""

    key: Annotated[str, Meta(examples=["lf-sk-..."])]
    detail: KeyDetail


class KeyList(Struct, frozen=True, kw_only=True):
    """The API keys of a project, oldest first, expired ones included."""

    keys: list[KeyDetail]


class AuditEntry(Struct, frozen=True, kw_only=True):
    """One administrative action: when, who, from which address, what, and on what."""

    id: Annotated[int, Meta(examples=[42])]
    at: datetime
    actor: Annotated[str, Meta(examples=["llmflow"])]
    address: Annotated[str, Meta(description="Empty for a program on the machine.", examples=["192.0.2.7"])]
    action: Annotated[str, Meta(examples=["key.create"])]
    project: Annotated[str | None, Meta(examples=["shop"])]
    subject: Annotated[str | None, Meta(description="What it was done to.", examples=["lf-pk-vXb1mPq0a9Zt3kLw"])]
    detail: dict[str, Any]


class AuditPage(Struct, frozen=True, kw_only=True):
    """Some administrative actions, newest first; pass `next_before` as `before` to get the next page, null on the
    last one."""

    entries: list[AuditEntry]
    next_before: int | None
