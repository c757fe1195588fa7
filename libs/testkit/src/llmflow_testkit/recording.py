"""What arrived at a receiver as one readable OTLP/JSON document, free of what is different on every machine and run.

Times and durations stay as they were measured.
"""

from __future__ import annotations

import base64
import hashlib
import json
import platform
import re
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_LINE = 160
RESOURCE_ATTRIBUTES_OF_MACHINES = ("host.", "os.", "process.", "service.instance.id")
_UUID_OR_HEX = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,64})(?![0-9A-Za-z])"
)
_LIBRARY_PATH = re.compile(r"(?:/[^\s/\"':]+)+/(site-packages|node_modules|lib/python3\.\d+)/")


def document_of(
    requests: Iterable[ExportTraceServiceRequest], *, library: str, addresses: Mapping[str, str], folder: Path
) -> str:
    """One request's JSON text with the spans of all, in order of start within their scopes.

    `addresses` maps ports (as text) to those that take their places. `folder` is where the script ran. Ids (also those
    within texts) are replaced by ones made from `library` and their order, so that those of two libraries differ.
    """
    document = {"resourceSpans": _merged(MessageToDict(request) for request in requests)}
    text = without_machine(pretty(document), addresses, folder)
    return with_own_ids(text, library) + "\n"


def _merged(requests: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Scopes and resources that occur several times joined; base64 ids in hexadecimal, as OTLP/JSON has them."""
    resources: dict[str, dict[str, Any]] = {}
    for request in requests:
        for resource_spans in request.get("resourceSpans", []):
            resource = resource_spans.get("resource", {})
            resource["attributes"] = [
                attribute
                for attribute in resource.get("attributes", [])
                if not attribute["key"].startswith(RESOURCE_ATTRIBUTES_OF_MACHINES)
            ]
            joined = resources.setdefault(json.dumps(resource), {"resource": resource, "scopes": {}})
            for scope_spans in resource_spans.get("scopeSpans", []):
                scope = scope_spans.get("scope", {})
                into = joined["scopes"].setdefault(json.dumps(scope), {"scope": scope, "spans": []})
                into["spans"] += [_with_hexadecimal_ids(span) for span in scope_spans.get("spans", [])]
    found = []
    for joined in resources.values():
        scopes = list(joined["scopes"].values())
        for scope in scopes:
            scope["spans"].sort(key=_start)
        found.append(
            {"resource": joined["resource"], "scopeSpans": sorted(scopes, key=lambda s: _start(s["spans"][0]))}
        )
    return sorted(found, key=lambda r: _start(r["scopeSpans"][0]["spans"][0]))


def _start(span: Mapping[str, Any]) -> int:
    return int(span["startTimeUnixNano"])


def _with_hexadecimal_ids(span: dict[str, Any]) -> dict[str, Any]:
    for holder in (span, *span.get("links", [])):
        for name in ("traceId", "spanId", "parentSpanId"):
            if name in holder:
                holder[name] = base64.b64decode(holder[name]).hex()
    return span


def without_machine(text: str, addresses: Mapping[str, str], folder: Path) -> str:
    """`text` without this machine's paths, name and ports; see `document_of`."""
    text = text.replace(f"{folder}/", "").replace(str(folder), ".")
    text = _LIBRARY_PATH.sub(r"\1/", text)
    text = text.replace(str(Path.home()), "~").replace(platform.platform(), "Linux")
    text = re.sub(rf"(?<![\w.-]){re.escape(socket.gethostname())}(?![\w.-])", "machine", text)
    for port, other in addresses.items():
        text = re.sub(rf"(?<![0-9a-f.]){port}(?![0-9a-f])", other, text)
    return text


def with_own_ids(text: str, library: str) -> str:
    """`text` with ids made from `library` and their order."""
    new: dict[str, str] = {}

    def replaced(match: re.Match[str]) -> str:
        found = match[0].replace("-", "")
        if found.isdigit():
            return match[0]
        own = new.setdefault(found, hashlib.sha256(f"{library} {len(new)}".encode()).hexdigest()[: len(found)])
        if "-" not in match[0]:
            return own
        return "-".join((own[:8], own[8:12], own[12:16], own[16:20], own[20:]))

    return _UUID_OR_HEX.sub(replaced, text)


def pretty(value: Any, indent: str = "") -> str:
    """JSON text whose lists and objects take one line where they fit."""
    line = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(line) <= _LINE or not isinstance(value, (dict, list)) or not value:
        return line
    deeper = indent + " "
    if isinstance(value, dict):
        items = [f"{json.dumps(key, ensure_ascii=False)}: {pretty(item, deeper)}" for key, item in value.items()]
    else:
        items = [pretty(item, deeper) for item in value]
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    return f"{opening}\n{deeper}" + f",\n{deeper}".join(items) + f"\n{indent}{closing}"
