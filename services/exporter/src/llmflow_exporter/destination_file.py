"""The destinations of the YAML file: a list under `destinations`, every mistake in it told at once."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from llmflow_core.errors import ConfigError
from llmflow_core.filters import FilterError, parse_filter
from llmflow_exporter.destinations import (
    Compression,
    Content,
    Destination,
    Selection,
    SigV4,
    Tls,
    destination_url,
    header,
)
from llmflow_exporter.presets import PRESETS, Dialect, Preset, Protocol, option_names
from llmflow_exporter.references import resolved

_NAME = r"^[a-z0-9][a-z0-9_-]{0,62}$"


class _Part(BaseModel):
    # An account's number is a text, however YAML takes it.
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class Basic(_Part):
    """A user and a password."""

    username: str
    password: str


class Header(_Part):
    """One header that holds a key."""

    name: str
    value: str


class Signature(_Part):
    """AWS Signature Version 4."""

    region: str
    service: str = "xray"


class Auth(_Part):
    """How requests say who sends them: one of these."""

    bearer: str | None = None
    basic: Basic | None = None
    header: Header | None = None
    sigv4: Signature | None = None

    @model_validator(mode="after")
    def _one(self) -> Auth:
        if len(self.model_fields_set) != 1:
            raise ValueError("must be one of bearer, basic, header and sigv4")
        return self

    def headers(self) -> dict[str, str]:
        """The header that it comes down to, if any."""
        if self.bearer is not None:
            return {"authorization": f"Bearer {self.bearer}"}
        if self.basic is not None:
            return {"authorization": basic_auth(self.basic.username, self.basic.password)}
        return {self.header.name: self.header.value} if self.header else {}


class TlsFiles(_Part):
    """As `llmflow_exporter.destinations.Tls`."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    insecure: bool = False

    @model_validator(mode="after")
    def _are_there(self) -> TlsFiles:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together")
        for name in ("ca_file", "cert_file", "key_file"):
            if (file := getattr(self, name)) is not None and not Path(file).is_file():
                raise ValueError(f"{name} is no file")
        return self


class Filters(_Part):
    """Which spans go there; `query` is in the language of `llmflow_core.filters`."""

    projects: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    llm_only: bool = False
    errors_only: bool = False
    query: str = ""

    @field_validator("query")
    @classmethod
    def _is_a_filter(cls, query: str) -> str:
        try:
            parse_filter(query)
        except FilterError as error:
            raise ValueError(str(error)) from None
        return query


class Entry(_Part):
    """One destination as the file has it."""

    name: str = Field(pattern=_NAME)
    preset: str | None = None
    options: dict[str, str] = {}
    endpoint: str | None = None
    protocol: Protocol | None = None
    headers: dict[str, str] = {}
    auth: Auth | None = None
    tls: TlsFiles = TlsFiles()
    compression: Compression = "gzip"
    dialect: Dialect | None = None
    filter: Filters = Filters()
    sampling: float = Field(1.0, ge=0, le=1)
    content: Content = "full"
    start: Literal["latest", "earliest"] = "earliest"
    paused: bool = False
    concurrency: int = Field(1, ge=1, le=16)
    timeout: float | None = Field(None, gt=0)
    batch_bytes: int | None = Field(None, ge=1)
    batch_seconds: float | None = Field(None, ge=0, le=60)


def basic_auth(username: str, password: str) -> str:
    """The value of an Authorization header (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"


def destinations_of(file: Path, *, variable: str) -> list[Destination]:
    """The file's destinations, in its order.

    Raises ConfigError that names `variable`, the file, the destination and the field of everything that is wrong, and
    quotes no value that may be a secret.
    """
    problems: list[str] = []
    found: dict[str, Destination] = {}
    for number, raw in enumerate(_rows(file, variable), 1):
        name = raw.get("name") if isinstance(raw, dict) else None
        where = f"{variable}: {file}: destination {name if isinstance(name, str) else number}"
        reader = _Reader()
        destination = reader.read(raw)
        problems += [f"{where}: {problem}" for problem in reader.problems]
        if destination is None:
            continue
        if destination.name in found:
            problems.append(f"{where}: name: another destination has it")
        found[destination.name] = destination
    if problems:
        raise ConfigError(problems)
    return list(found.values())


def _rows(file: Path, variable: str) -> list[Any]:
    import yaml  # most deployments have no such file

    try:
        content = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{variable}: {file}: cannot be read: {type(error).__name__}"]) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ConfigError([f"{variable}: {file}: is not YAML{f' in line {mark.line + 1}' if mark else ''}"]) from None
    rows = content.get("destinations") if isinstance(content, dict) else None
    if not isinstance(rows, list):
        raise ConfigError([f"{variable}: {file}: must have a list under `destinations`"])
    return rows


class _Reader:
    """Reads one destination and collects what is wrong with it, one line a field."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def read(self, raw: Any) -> Destination | None:
        """The destination; None when `problems` say why there is none."""
        raw = self._resolve(raw, ())
        try:
            entry = Entry.model_validate(raw)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False, include_context=False)
            self.problems += [
                f"{'.'.join(map(str, detail['loc'])) or 'all of it'}: {detail['msg'].removeprefix('Value error, ')}"
                for detail in details
            ]
            return None
        preset = self._preset(entry)
        options = {**preset.defaults, **entry.options}
        if (entry.protocol or preset.protocol) == "otlp-grpc":
            self._check_grpc(entry)
        url = self._url(entry, preset, options)
        headers = self._headers(entry, preset, options)
        if self.problems or url is None:
            return None
        sizes = [size for size in (entry.batch_bytes, preset.batch_bytes) if size is not None]
        return Destination(
            name=entry.name,
            url=url,
            headers=headers,
            protocol=entry.protocol or preset.protocol,
            compression=entry.compression,
            tls=Tls(**entry.tls.model_dump()),
            sigv4=_signature(entry, preset),
            resource=_filled(preset.resource, options),
            dialect=entry.dialect or preset.dialect,
            selection=Selection(
                **entry.filter.model_dump(exclude={"query"}),
                query=parse_filter(entry.filter.query) if entry.filter.query.strip() else None,
                sampling=entry.sampling,
            ),
            content=entry.content,
            start=entry.start,
            paused=entry.paused,
            concurrency=entry.concurrency,
            timeout=entry.timeout,
            batch_bytes=min(sizes, default=None),
            batch_seconds=entry.batch_seconds,
        )

    def _resolve(self, value: Any, place: tuple[str, ...]) -> Any:
        match value:
            case str():
                try:
                    return resolved(value)
                except ValueError as error:
                    self.problems.append(f"{'.'.join(place)}: {error}")
                    return value
            case dict():
                return {key: self._resolve(item, (*place, str(key))) for key, item in value.items()}
            case list():
                return [self._resolve(item, (*place, str(number))) for number, item in enumerate(value)]
            case _:
                return value

    def _preset(self, entry: Entry) -> Preset:
        if entry.preset is None:
            if entry.endpoint is None:
                self.problems.append("endpoint: is needed where there is no preset")
            if entry.options:
                self.problems.append("options: belong to a preset")
            return Preset()
        preset = PRESETS.get(entry.preset)
        if preset is None:
            self.problems.append(f"preset: must be one of {', '.join(PRESETS)}")
            return Preset()
        for name in entry.options.keys() - preset.options:
            known = ", ".join(sorted(preset.options)) or "none"
            self.problems.append(f"options.{name}: the preset {entry.preset} does not know it; it knows {known}")
        if entry.endpoint is None:
            for name in preset.needs:
                if name not in entry.options and not (entry.auth or entry.headers):
                    self.problems.append(f"options.{name}: the preset {entry.preset} needs it")
        return preset

    def _check_grpc(self, entry: Entry) -> None:
        if entry.compression == "zstd":
            self.problems.append("compression: gRPC has gzip and none")
        if entry.tls.insecure:
            self.problems.append("tls.insecure: gRPC cannot leave the server unchecked")

    def _url(self, entry: Entry, preset: Preset, options: Mapping[str, str]) -> str | None:
        endpoint = entry.endpoint
        if endpoint is None and preset.endpoint is not None:
            try:
                endpoint = preset.endpoint.format_map(options)
            except KeyError as missing:
                if f"options.{missing.args[0]}: " not in "".join(self.problems):
                    self.problems.append(f"options.{missing.args[0]}: the preset {entry.preset} needs it")
        if endpoint is None:
            return None
        try:
            return destination_url(endpoint, entry.protocol or preset.protocol, path=preset.path, exact=preset.exact)
        except ValueError as error:
            self.problems.append(f"endpoint: {error}")
            return None

    def _headers(self, entry: Entry, preset: Preset, options: Mapping[str, str]) -> dict[str, str]:
        wanted = _filled(preset.headers, options)
        if preset.basic and any(_has_all(template, options) for template in preset.basic):
            if all(_has_all(template, options) for template in preset.basic):
                wanted["authorization"] = basic_auth(*(template.format_map(options) for template in preset.basic))
            else:
                self.problems.append(f"options: {' and '.join(t.strip('{}') for t in preset.basic)} belong together")
        wanted |= entry.auth.headers() if entry.auth else {}
        headers = {}
        for name, value in [*wanted.items(), *entry.headers.items()]:
            try:
                name, value = header(name, value)
            except ValueError as error:
                self.problems.append(f"headers: {name if name.isprintable() else 'one'} {error}")
            headers[name] = value
        return headers


def _filled(templates: Mapping[str, str], options: Mapping[str, str]) -> dict[str, str]:
    return {name: text.format_map(options) for name, text in templates.items() if _has_all(text, options)}


def _has_all(template: str, options: Mapping[str, str]) -> bool:
    return all(name in options for name in option_names(template))


def _signature(entry: Entry, preset: Preset) -> SigV4 | None:
    if entry.auth and entry.auth.sigv4:
        return SigV4(region=entry.auth.sigv4.region, service=entry.auth.sigv4.service)
    if preset.sigv4_service and "region" in entry.options and not entry.auth:
        return SigV4(region=entry.options["region"], service=preset.sigv4_service)
    return None
