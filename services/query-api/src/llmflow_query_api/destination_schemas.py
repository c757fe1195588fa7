"""The bodies of destinations and their jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from llmflow_core.destinations.destination import Compression, Content, Origin
from llmflow_core.destinations.entry import NAME_PATTERN
from llmflow_core.destinations.presets import Dialect, Protocol
from llmflow_query_api.preconditions import Version
from llmflow_store.destinations import JobKind, JobState

_TEXT = r"^[^\x00]*$"
Name = Annotated[str, Meta(description="Its name, which stays.", pattern=NAME_PATTERN, examples=["phoenix"])]
_Text = Annotated[str, Meta(max_length=8192, pattern=_TEXT, examples=["text"])]
_Secret = Annotated[
    str,
    Meta(
        description="A secret, or `${env:NAME}` for a variable of the exporter. Answers show `[secret]`; sent back, "
        "that leaves it as it is.",
        max_length=8192,
        pattern=_TEXT,
        examples=["${env:PHOENIX_API_KEY}"],
    ),
]
_Fraction = Annotated[float, Meta(ge=0, le=1, examples=[0.1])]


class BasicAuth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user and a password."""

    username: _Text
    password: _Secret


class HeaderAuth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One header that holds a key."""

    name: _Text
    value: _Secret


class SigV4Auth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """AWS Signature Version 4, with the credentials that the exporter finds."""

    region: _Text
    service: _Text = "xray"


class DestinationAuth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How requests say who sends them: one of these."""

    bearer: _Secret | None = None
    basic: BasicAuth | None = None
    header: HeaderAuth | None = None
    sigv4: SigV4Auth | None = None


class DestinationTls(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Files of the exporter in PEM; `insecure` leaves the server unchecked."""

    ca_file: _Text | None = None
    cert_file: _Text | None = None
    key_file: _Text | None = None
    insecure: bool = False


class DestinationFilter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which spans go there: those for which everything that is set holds."""

    projects: Annotated[list[_Text], Meta(examples=[["shop"]])] = field(default_factory=list)
    services: Annotated[list[_Text], Meta(examples=[["checkout"]])] = field(default_factory=list)
    llm_only: bool = False
    errors_only: bool = False
    query: Annotated[str, Meta(description="In the filter language.", max_length=2000, examples=["cost:>0.01"])] = ""


class DestinationDefinition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A destination, as docs/destinations.md describes each field of it."""

    name: Name
    preset: Annotated[str, Meta(max_length=64, examples=["phoenix"])] | None = None
    options: Annotated[
        dict[str, _Secret], Meta(description="What the preset asks for.", examples=[{"project": "shop"}])
    ] = field(default_factory=dict)
    endpoint: Annotated[str, Meta(max_length=2048, pattern=_TEXT, examples=["http://phoenix:6006"])] | None = None
    protocol: Protocol | None = None
    headers: Annotated[dict[str, _Secret], Meta(examples=[{}])] = field(default_factory=dict)
    auth: DestinationAuth | None = None
    tls: DestinationTls | None = None
    compression: Compression = "gzip"
    dialect: Dialect | None = None
    filter: DestinationFilter | None = None
    sampling: _Fraction = 1.0
    content: Content = "full"
    start: Literal["latest", "earliest"] = "earliest"
    paused: bool = False
    concurrency: Annotated[int, Meta(ge=1, le=16)] = 1
    timeout: Annotated[float, Meta(gt=0, le=3600)] | None = None
    batch_bytes: Annotated[int, Meta(ge=1, le=2**31)] | None = None
    batch_seconds: Annotated[float, Meta(ge=0, le=60)] | None = None


class DestinationStatus(Struct, frozen=True, kw_only=True):
    """How a destination is doing, all exporters taken together. Counts are of records since it was added, except
    `rejected_spans`. The state is `open` while the circuit breaker is, `failed` where it could not be begun with, and
    `unknown` while no exporter reports."""

    state: Annotated[
        Literal["starting", "ok", "retrying", "open", "paused", "failed", "unknown"], Meta(examples=["ok"])
    ]
    exporters: Annotated[int, Meta(description="How many of them report.", examples=[1])]
    lag: Annotated[int | None, Meta(description="Records of the log yet to be sent.", examples=[0])]
    sent: Annotated[int, Meta(examples=[1200])]
    sent_bytes: Annotated[int, Meta(examples=[2_400_000])]
    filtered: Annotated[int, Meta(examples=[0])]
    dead_letters: Annotated[int, Meta(examples=[0])]
    rejected_spans: Annotated[int, Meta(examples=[0])]
    last_success: datetime | None
    last_error: Annotated[str | None, Meta(examples=["HTTP 503: busy"])]
    last_error_at: datetime | None
    next_attempt: datetime | None


class DestinationDetail(Struct, frozen=True, kw_only=True):
    """A destination. Those of the exporter's own file and environment are shown only, without a definition."""

    name: Annotated[str, Meta(examples=["phoenix"])]
    origin: Origin
    definition: DestinationDefinition | None
    address: Annotated[
        str, Meta(description="Empty until an exporter has it.", examples=["http://phoenix:6006/v1/traces"])
    ]
    protocol: Annotated[str, Meta(examples=["otlp-http"])]
    dialect: Annotated[str, Meta(examples=["openinference"])]
    created_at: datetime | None
    created_by: Annotated[str | None, Meta(examples=["llmflow"])]
    version: Version | None
    status: DestinationStatus


class DestinationList(Struct, frozen=True, kw_only=True):
    """The destinations by name. Without a key for secrets, only references to variables can be kept."""

    destinations: list[DestinationDetail]
    keeps_secrets: Annotated[bool, Meta(description="Whether LLMFLOW_SECRET_KEY is set.")]


class PresetOption(Struct, frozen=True, kw_only=True):
    """What a preset asks for."""

    name: Annotated[str, Meta(examples=["api_key"])]
    needed: Annotated[bool, Meta(description="By the endpoint that the preset names.")]
    secret: bool
    default: str | None


class DestinationPreset(Struct, frozen=True, kw_only=True):
    """What is particular about a backend."""

    name: Annotated[str, Meta(examples=["phoenix"])]
    endpoint: Annotated[str | None, Meta(examples=["http://localhost:6006"])]
    protocol: Protocol
    dialect: Dialect
    options: list[PresetOption]


class PresetList(Struct, frozen=True, kw_only=True):
    """The presets."""

    presets: list[DestinationPreset]


class NewReplay(Struct, frozen=True, kw_only=True, rename={"from_": "from"}, forbid_unknown_fields=True):
    """Stored spans to send again: those that started in from ≤ start < to, of one project or of all."""

    from_: datetime
    to: datetime
    project: Annotated[str, Meta(min_length=1, max_length=63, pattern=_TEXT, examples=["shop"])] | None = None


class JobDetail(Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Something that an exporter is asked to do for a destination: a test, or a replay of what is stored."""

    id: Annotated[int, Meta(examples=[7])]
    destination: Annotated[str, Meta(examples=["phoenix"])]
    kind: JobKind
    state: JobState
    project: Annotated[str | None, Meta(examples=["shop"])]
    from_: datetime | None
    to: datetime | None
    created_at: datetime
    created_by: Annotated[str, Meta(examples=["llmflow"])]
    finished_at: datetime | None
    sent: Annotated[int, Meta(description="Spans that the destination has taken.", examples=[1200])]
    total: Annotated[int | None, Meta(description="About how many there are.", examples=[1500])]
    message: Annotated[str, Meta(description="What came of it.", examples=["took the span"])]


class JobList(Struct, frozen=True, kw_only=True):
    """The jobs of a destination, newest first."""

    jobs: list[JobDetail]


class Report(Struct, frozen=True, kw_only=True):
    """What an exporter says of its destinations; of those in `able` it can do jobs, and `jobs` it does already."""

    exporter: Annotated[str, Meta(max_length=200)]
    destinations: Annotated[list[dict[str, Any]], Meta(max_length=1000)]
    able: list[str]
    jobs: list[int]


class JobNote(Struct, frozen=True, kw_only=True):
    """How a job goes: so many spans more are sent, and `position` is where to go on."""

    exporter: str
    state: JobState
    sent: int = 0
    position: dict[str, Any] | None = None
    message: Annotated[str, Meta(max_length=2000)] = ""
