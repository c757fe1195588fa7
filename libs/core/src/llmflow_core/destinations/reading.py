"""From an `Entry` to a `Destination`, every mistake told by its field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from llmflow_core.destinations.destination import (
    Destination,
    Selection,
    SigV4,
    Tls,
    destination_url,
    grpc_metadata,
    header,
)
from llmflow_core.destinations.entry import Entry, basic_auth
from llmflow_core.destinations.presets import PRESETS, Preset, option_names
from llmflow_core.destinations.references import REFERENCE, resolved
from llmflow_core.filters import parse_filter

#: What a text of an entry stands for; raises ValueError for one that stands for nothing.
Resolver = Callable[[str], str]


class EntryReader:
    """Reads one destination and collects what is wrong with it, one line a field.

    `resolve` says what its texts stand for; `here` whether they will be used on this machine, where the files that it
    names must be.
    """

    def __init__(self, resolve: Resolver = resolved, *, here: bool = True) -> None:
        self._resolver = resolve
        self._here = here
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
        if self._here:
            self._check_files(entry)
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
                    return self._resolver(value)
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

    def _check_files(self, entry: Entry) -> None:
        for name in ("ca_file", "cert_file", "key_file"):
            if (file := getattr(entry.tls, name)) is not None and not Path(file).is_file():
                self.problems.append(f"tls.{name}: is no file")

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
        by_grpc = (entry.protocol or preset.protocol) == "otlp-grpc"
        for name, value in [*wanted.items(), *entry.headers.items()]:
            try:
                name, value = header(name, value)
                if by_grpc and not REFERENCE.search(value):
                    grpc_metadata(name, value)
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
