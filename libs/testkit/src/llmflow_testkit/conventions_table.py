"""`python -m llmflow_testkit.conventions_table > docs/conventions.md`: which field each library fills, and from what.

Found out by changing the recordings: an attribute fills a field when another value of the attribute gives another value
of the field.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from llmflow_core.content import conversation
from llmflow_core.otlp import spans_of
from llmflow_core.spans import ObservationType
from llmflow_testkit.otlp_requests import traces_of_json
from llmflow_testkit.recorded_conventions import (
    FOLDER,
    SAME_FACTS,
    facts_of,
    priced,
    recorded_bytes,
    recorded_libraries,
    recorded_spans,
)

_HEAD = """\
# Instrumentation that LLMFlow understands

Made from recordings of what the libraries really send (`tests/fixtures/conventions`), by
`python -m llmflow_testkit.conventions_table`. A tick says that the recording fills the fields, and that a test compares
them with what the script did; an empty place, that the library does not tell (or was not asked to). "priced" is a cost
that LLMFlow works out from the tokens, "sent" one that came with the span.

OpenTelemetry's own instrumentations put content into the spans only when told so:
`OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental` and
`OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=span_only`. What they send as log records instead is kept among the
logs and not joined to the spans.

A call that several of them record, or one of them and LLMFlow's proxy or a gateway, is shown each time, and counted as
that many requests, but its tokens and cost count once if the inner span is a child of the outer one, or of an HTTP
request's span that is. That takes `traceparent` on the way to the proxy: some instrumentations of model libraries send
it, all others leave it to one of the HTTP client. The innermost span counts of those that come together, else that
which comes first. Spans that stand side by side, or in different traces, are different calls to LLMFlow: each counts.

"""
_COLUMNS = {
    "kind of step": ("observation_type",),
    "tree": ("parent",),
    "model": ("model", "response_model"),
    "tokens": ("input_tokens", "output_tokens"),
    "cached, reasoning": ("cache_read_tokens", "cache_write_tokens", "reasoning_tokens"),
    "cost": ("cost",),
    "messages": ("input", "output"),
    "tools": ("tools",),
    "errors": ("status",),
    "session": ("session_id",),
    "user": ("user_id",),
    "tags": ("tags",),
    "prompt": ("prompt_name", "prompt_version"),
    "scores": ("scores",),
}


def page() -> str:
    """The whole page."""
    libraries = recorded_libraries()
    lines = [f"| | {' | '.join(_COLUMNS)} |", f"|---{'|:-:' * len(_COLUMNS)}|"]
    lines += [f"| [{library}](#{library.replace('.', '')}) | {' | '.join(_ticks(library))} |" for library in libraries]
    return _HEAD + "\n".join(lines) + "\n" + "".join(_section(library) for library in libraries)


def _ticks(library: str) -> list[str]:
    spans = recorded_spans(library)
    sent = {name for facts in facts_of(spans) for name in facts}
    known = {name for facts in facts_of(priced(spans)) for name in facts}
    ticks = []
    for column, names in _COLUMNS.items():
        tick = ("sent" if "cost" in sent else "priced") if column == "cost" else "✓"
        ticks.append(tick if known.intersection(names) else "")
    return ticks


def _section(library: str) -> str:
    sources: dict[str, set[str]] = defaultdict(set)
    for request in _single_spans(traces_of_json(recorded_bytes(library))):
        before = _facts(request)
        for source, value in _values(request):
            kept = AnyValue.FromString(value.SerializeToString())
            _change(value)
            after = _facts(request)
            value.CopyFrom(kept)
            for name, fact in before.items():
                if fact not in (None, []) and fact != after[name]:
                    sources[name].add(source)
    rows = "".join(f"| {name} | {', '.join(f'`{s}`' for s in sorted(sources[name]))} |\n" for name in sorted(sources))
    return f"\n## {library}\n\nRecorded with {_versions(library)}.\n\n| field | from |\n|---|---|\n{rows}"


def _versions(library: str) -> str:
    package = FOLDER / library / "package.json"
    if package.exists():
        pinned = [f"{name} {version}" for name, version in json.loads(package.read_text())["dependencies"].items()]
    else:
        script = (FOLDER / library / "record.py").read_text()
        header = "\n".join(line[2:] for line in script.partition("# ///\n")[0].splitlines() if line[:2] == "# ")
        metadata = header.partition("/// script\n")[2]
        pinned = [name.replace("==", " ") for name in tomllib.loads(metadata)["dependencies"]]
    return ", ".join(pinned)


def _single_spans(request: ExportTraceServiceRequest) -> Iterator[ExportTraceServiceRequest]:
    """A request for each span that is stored."""
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                single = ExportTraceServiceRequest()
                single.resource_spans.add(resource=resource_spans.resource).scope_spans.add(
                    scope=scope_spans.scope, spans=[span]
                )
                if spans_of(single):
                    yield single


def _facts(request: ExportTraceServiceRequest) -> dict[str, Any]:
    """What a convention has to find of the request's span."""
    (span,) = spans_of(request)
    said = conversation(span)
    facts = {name: getattr(span, name) for name in (*SAME_FACTS, "cost", "scores") if name != "observation_type"}
    kind = span.observation_type if span.observation_type != ObservationType.SPAN else None
    facts |= {"observation_type": kind, "time_to_first_token": span.time_to_first_token_ns}
    return {**facts, "input": said.input, "output": said.output, "tools": said.tools}


def _values(request: ExportTraceServiceRequest) -> Iterable[tuple[str, AnyValue]]:
    """Every value of the request's span, and what the page calls the place where it is."""
    resource_spans = request.resource_spans[0]
    span = resource_spans.scope_spans[0].spans[0]
    yield from _named("resource ", resource_spans.resource.attributes)
    yield from _named("", span.attributes)
    for event in span.events:
        yield from _named(f"event {event.name}: ", event.attributes)


def _named(prefix: str, attributes: Iterable[KeyValue]) -> Iterator[tuple[str, AnyValue]]:
    for attribute in attributes:
        yield prefix + re.sub(r"\.\d+(?=\.|$)", ".N", attribute.key), attribute.value


def _change(value: AnyValue) -> None:
    """Another value of the same type."""
    match value.WhichOneof("value"):
        case "string_value":
            value.string_value += "1"
        case "int_value":
            value.int_value += 1
        case "double_value":
            value.double_value += 0.5
        case "bool_value":
            value.bool_value = not value.bool_value
        case "array_value" if value.array_value.values:
            _change(value.array_value.values[0])
        case "kvlist_value" if value.kvlist_value.values:
            for item in value.kvlist_value.values:
                _change(item.value)
        case _:
            value.string_value = "1"


if __name__ == "__main__":
    print(page(), end="")
