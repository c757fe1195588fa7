"""From an exchange to its span: an OTLP ExportTraceServiceRequest with the GenAI semantic conventions' names.

Runs after the last byte went to the caller.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.trace.v1 import trace_pb2

from llmflow_core.ids import SPAN_ID_BYTES, TRACE_ID_BYTES
from llmflow_core.otlp import key_value_fields, key_values
from llmflow_core.spans import JSON
from llmflow_proxy.bodies import document, ending
from llmflow_proxy.capture import RAW_FACTOR, decoded
from llmflow_proxy.correlation import correlate, is_own_header
from llmflow_proxy.error_bodies import stated_error
from llmflow_proxy.estimate import estimate_usage
from llmflow_proxy.exchange import Exchange
from llmflow_proxy.policy import EVERYTHING, Decision, Policy
from llmflow_proxy.secrets import header_text, is_secret, redacted_query, secrets_of, without
from llmflow_proxy.shape import Apart, Reading, Shape
from llmflow_proxy.stated_cost import cost_in_header
from llmflow_proxy.streams import Events, events_of, framing_of

log = logging.getLogger(__name__)

SCOPE = InstrumentationScope(name="llmflow.proxy", version=version("llmflow-proxy"))
DEFAULT_SERVICE = "llmflow-proxy"
_RETRY_COUNT = b"x-stainless-retry-count"
#: Request headers that are recorded under a name of their own.
_NAMED_HEADERS = {b"user-agent": "user_agent.original", _RETRY_COUNT: "http.request.resend_count"}
#: Request headers that say nothing about the call.
_UNREMARKABLE = frozenset(
    b"host connection content-length content-type accept accept-encoding accept-language transfer-encoding"
    b" expect keep-alive te upgrade via forwarded traceparent tracestate baggage".split()
)
_KEPT_RESPONSE_HEADERS = (b"x-ratelimit-", b"anthropic-ratelimit-", b"retry-after", b"x-request-id", b"request-id")
_ALSO_KEPT = frozenset(
    b"openai-processing-ms openai-organization anthropic-organization-id helicone-cache x-portkey-cache-status"
    b" cf-aig-cache-status".split()
)
#: Media types of answers that may be event streams all the same, and how those begin.
_UNTOLD = ("", "text/plain", "application/octet-stream")
_EVENTS = (b"data: {", b"data:{", b"event:")
#: Roles, types, names and ids are no longer than this.
_NEVER_CUT = 128
#: Lists tell of batches for months. Recorded anew after retention has removed them, they would count twice.
_LONG_AGO_NS = 7 * 86_400 * 10**9
_FAILURES = {
    "caller_timeout": "caller_timeout",
    "unreachable": "connection_error",
    "timeout": "timeout",
    "broken": "connection_closed",
}


def build(exchange: Exchange, limit: int, policy: Policy = EVERYTHING) -> tuple[str, bytes] | None:
    """The exchange's project and its serialized ExportTraceServiceRequest, or None when the policy's sampling leaves it
    out.

    That holds one span, and one more for each call apart of which the answer says what it took: one of another model
    for advice, or one made in the background or in a batch, whose ids (and start, where that is known) are the same in
    every exchange that says so, so that it counts once. `limit` bounds the recorded content of each of the two bodies,
    in bytes.
    """
    headers = {name.decode("latin-1"): header_text(value) for name, value in exchange.request_headers}
    correlation = correlate(headers)
    decision = policy.decide(headers)
    kept = decision.keeps(correlation.trace_id)
    if not kept and not _may_have_failed(exchange):
        return None
    body = decoded(exchange.request.head(), headers.get("content-encoding", ""), limit * RAW_FACTOR)
    secrets = secrets_of([*exchange.request_headers, *exchange.route.provider.default_headers], exchange.query, body)
    reading = Reading()
    error = _read_bodies(exchange, reading, limit, headers)
    if not kept and not error:
        return None
    _read_headers(exchange, reading)
    if exchange.route.shape and not error and not reading.apart and _streams(exchange):
        estimate_usage(exchange.route.shape.operation, reading)
    named = decision.named(correlation.attributes)
    facts = decision.facts(failed=bool(error)) | {"session.id": correlation.session}

    def attributes_of(reading: Reading, place: dict[str, JSON]) -> dict[str, JSON]:
        read = decision.read(reading.attributes)
        user = {"user.id": correlation.user or reading.user}
        return named | place | read | facts | _content(reading, limit, decision) | user

    http = decision.http(_http_attributes(exchange))
    attributes = attributes_of(reading, http)
    project = exchange.project or correlation.project
    span: dict[str, Any] = {
        "trace_id": correlation.trace_id,
        "span_id": correlation.span_id,
        "parent_span_id": correlation.parent_span_id,
        "trace_state": correlation.trace_state,
        "name": without(_name(exchange, reading), secrets),
        "kind": trace_pb2.Span.SPAN_KIND_CLIENT,
        "start_time_unix_nano": exchange.start_ns,
        "end_time_unix_nano": exchange.start_ns + ((exchange.ended or exchange.started) - exchange.started),
        "links": [{"trace_id": correlation.link[0], "span_id": correlation.link[1]}] if correlation.link else [],
    }
    if error:
        attributes["error.type"], message = decision.error(*error, own=exchange.failure in _FAILURES)
        message = without(message, secrets)[:limit]
        span["status"] = {"code": trace_pb2.Status.STATUS_CODE_ERROR, "message": message}
    spans = [(span, attributes)]
    for apart in reading.apart:
        if apart.batch and not _counts(apart, exchange, limit):
            continue
        within = apart.start_ns is None and not apart.batch
        ids = _ids_beside(span, apart) if within else _ids_of(apart, exchange, project)
        if apart.reading:
            link = {"trace_id": span["trace_id"], "span_id": span["span_id"]}
            place = _provider_attributes(exchange) | {"gen_ai.operation.name": "chat"}
            if within:
                # They say whether it all came from a gateway's cache, and cost nothing.
                place |= {name: value for name, value in http.items() if name.startswith("http.response.header.")}
            of_call = attributes_of(apart.reading, place)
            # Of two without a parent, the one that began first is the trace's root.
            began = span["start_time_unix_nano"] + 1 if apart.start_ns is None else apart.start_ns
            # How long it takes to ask for a batch is not how long the batch took.
            ended = max(began, apart.end_ns or (began if apart.batch else span["end_time_unix_nano"]))
            call = {
                **span, "links": [link], **ids, "name": without(_call_name("chat", apart.reading), secrets),
                "start_time_unix_nano": began, "end_time_unix_nano": ended,
            }  # fmt: skip
            spans.append((call, of_call))
        if not within:
            span["links"].append({"trace_id": ids["trace_id"], "span_id": ids["span_id"]})
    service = correlation.service or DEFAULT_SERVICE
    request = _request(spans, service)
    # One look at the whole is enough nearly always; text by text costs a hundred times as much. And where a secret is
    # not, there is none that contains it.
    cores = [secret for secret in secrets if not any(other in secret for other in secrets if other != secret)]
    if any(secret.encode() in request for secret in cores):
        request = _request([(span, without(attributes, secrets)) for span, attributes in spans], service)
    return project, request


def _counts(batch: Apart, exchange: Exchange, limit: int) -> bool:
    """Whether the exchange says all of what a batch took, and while what was recorded of it before is still there."""
    capture, encodings = exchange.response, exchange.response_header(b"content-encoding")
    if exchange.status != 200 or exchange.failure or capture.truncated:
        return False
    if batch.end_ns is not None and exchange.start_ns - batch.end_ns > _LONG_AGO_NS:
        return False
    most = limit * RAW_FACTOR
    return not encodings or len(decoded(capture.head(), encodings, most)) < most


def _ids_of(apart: Apart, exchange: Exchange, project: str) -> dict[str, Any]:
    """The ids of a call in a trace of its own, the same in every exchange of the project that tells of it."""
    key = "\0".join((project, exchange.route.provider.semconv_name, apart.identity))
    digest = hashlib.sha256(key.encode()).digest()
    ids = {"trace_id": digest[:TRACE_ID_BYTES], "span_id": digest[-SPAN_ID_BYTES:]}
    return {**ids, "parent_span_id": b"", "trace_state": ""}


def _ids_beside(span: Mapping[str, Any], apart: Apart) -> dict[str, Any]:
    """The id of a call beside `span`, under the same parent: below it, it would count instead of it."""
    return {"span_id": hashlib.sha256(span["span_id"] + apart.identity.encode()).digest()[-SPAN_ID_BYTES:]}


def _request(spans: Sequence[tuple[dict[str, Any], Mapping[str, JSON]]], service: str) -> bytes:
    """The serialized request. Nested dicts instead of messages: protobuf makes those several times as fast."""
    fields = [{**span, "attributes": key_value_fields(attributes)} for span, attributes in spans]
    resource = {"attributes": key_value_fields({"service.name": service})}
    return ExportTraceServiceRequest(
        resource_spans=[{"resource": resource, "scope_spans": [{"scope": SCOPE, "spans": fields}]}]  # type: ignore[list-item]
    ).SerializeToString()


def without_content(value: bytes, largest: int) -> bytes | None:
    """What `build` made with its largest attributes taken out until it has at most `largest` bytes.

    What was taken out is named in `llmflow.dropped_attributes`. None when it cannot be made that small.
    """
    request = ExportTraceServiceRequest.FromString(value)
    for span in sorted(request.resource_spans[0].scope_spans[0].spans, key=lambda span: -span.ByteSize()):
        if smaller := _without_largest(request, span, largest):
            return smaller
    return None


def _without_largest(request: ExportTraceServiceRequest, span: trace_pb2.Span, largest: int) -> bytes | None:
    dropped: list[str] = []
    while span.attributes:
        attribute = max(span.attributes, key=lambda attribute: attribute.ByteSize())
        dropped.append(attribute.key)
        span.attributes.remove(attribute)
        note = key_values({"llmflow.dropped_attributes": dropped})
        if request.ByteSize() + sum(item.ByteSize() + 8 for item in note) <= largest:
            span.attributes.extend(note)
            return request.SerializeToString()
    return None


def _may_have_failed(exchange: Exchange) -> bool:
    """Whether reading the bodies could find an error. A successful answer may carry one, a stream above all."""
    if exchange.failure in _FAILURES or (exchange.status or 0) >= 400:
        return True
    if exchange.response_header(b"content-encoding"):
        return True
    held = exchange.response.head(), exchange.response.tail()
    return any(word in part for word in (b"rror", b"xception") for part in held)


def _name(exchange: Exchange, reading: Reading) -> str:
    shape = exchange.route.shape
    if shape is None or shape.operation is None:
        return f"{exchange.method} {exchange.route.template}"
    return _call_name(shape.operation, reading)


def _call_name(operation: str, reading: Reading) -> str:
    model = reading.attributes.get("gen_ai.request.model") or reading.attributes.get("gen_ai.response.model")
    operation = str(reading.attributes.get("gen_ai.operation.name") or operation)
    return f"{operation} {model}" if model else operation


def _provider_attributes(exchange: Exchange) -> dict[str, JSON]:
    base = exchange.route.provider.base_url
    return {
        "gen_ai.provider.name": exchange.route.provider.semconv_name,
        "server.address": base.host,
        "server.port": base.port or (443 if base.scheme == "https" else 80),
    }


def _http_attributes(exchange: Exchange) -> dict[str, JSON]:
    base = exchange.route.provider.base_url
    target, _, query = exchange.route.target.partition("?")
    origin = f"{base.scheme}://{base.netloc.decode()}"
    attributes: dict[str, JSON] = _provider_attributes(exchange) | {
        "gen_ai.operation.name": exchange.route.shape.operation if exchange.route.shape else None,
        "http.request.method": exchange.method,
        "http.response.status_code": exchange.status,
        "http.request.body.size": exchange.request.size,
        "http.response.body.size": exchange.response.size,
        "url.full": f"{origin}{target}?{redacted_query(query)}" if query else origin + target,
        "llmflow.cancelled": True if exchange.failure == "cancelled" else None,
    }
    if exchange.route.shape:
        attributes["llmflow.request.truncated"] = exchange.request.truncated or None
        attributes["llmflow.response.truncated"] = exchange.response.truncated or None
    if exchange.first_byte is not None and _streams(exchange):
        attributes["gen_ai.response.time_to_first_chunk"] = (exchange.first_byte - exchange.started) / 1e9
    for name, value in exchange.request_headers:
        if attribute := _request_attribute(name):
            attributes[attribute] = _request_value(name, header_text(value))
    for name, value in exchange.response_headers:
        if attribute := _response_attribute(name):
            attributes[attribute] = [header_text(value)]
    return attributes


def _request_value(name: bytes, value: str) -> JSON:
    """A request header as the attribute has it that keeps it."""
    if name == b"user-agent":
        return value
    if name == _RETRY_COUNT:
        return (int(value) or None) if value.isdecimal() else None
    return [value]


# Clients send the same few names again and again.
@lru_cache(maxsize=512)
def _request_attribute(name: bytes) -> str | None:
    """The attribute that keeps a request header, None for one that says nothing or must not be kept."""
    if name in _NAMED_HEADERS:
        return _NAMED_HEADERS[name]
    text = name.decode("latin-1")
    ignored = name in _UNREMARKABLE or name.startswith((b"x-stainless-", b"x-forwarded-", b"sec-"))
    return None if ignored or is_own_header(name) or is_secret(text) else f"http.request.header.{text}"


@lru_cache(maxsize=512)
def _response_attribute(name: bytes) -> str | None:
    """The attribute that keeps a response header, None for one that is not kept."""
    kept = name.startswith(_KEPT_RESPONSE_HEADERS) or name in _ALSO_KEPT
    return f"http.response.header.{name.decode()}" if kept else None


def _read_headers(exchange: Exchange, reading: Reading) -> None:
    """Fill in what only the answer's headers say of what the call costs."""
    if exchange.route.shape and exchange.route.shape.operation and not reading.apart:
        attributes = reading.attributes
        if attributes.get("gen_ai.usage.cost") is None:
            attributes["gen_ai.usage.cost"] = cost_in_header(exchange.response_header(b"x-litellm-response-cost"))
        if tier := exchange.response_header(b"x-gemini-service-tier"):
            attributes["llmflow.response.service_tier"] = tier


def _streams(exchange: Exchange) -> bool:
    return _framing(exchange) is not None


def _framing(exchange: Exchange) -> Events | None:
    """How the answer frames its events, None when it is no stream. Some servers do not say that theirs is one."""
    media_type, shape = exchange.response_header(b"content-type"), exchange.route.shape
    if shape and media_type.partition(";")[0].strip() in _UNTOLD and exchange.response.head().startswith(_EVENTS):
        return framing_of("text/event-stream", shape)
    return framing_of(media_type, shape)


def _read_bodies(
    exchange: Exchange, reading: Reading, limit: int, headers: Mapping[str, str]
) -> tuple[str, str] | None:
    """Fill in what the bodies say; the error's type and message when the exchange ended in one."""
    shape = exchange.route.shape
    answer: dict[str, Any] = {}
    try:
        if shape:
            encodings = headers.get("content-encoding", "")
            body = document(exchange.request, headers.get("content-type", ""), encodings, limit)
            shape.read_request(body, reading)
            if model := exchange.route.parameters.get("model"):
                reading.attributes["gen_ai.request.model"] = reading.attributes.get("gen_ai.request.model") or model
            if shape.operation is None and (identity := exchange.route.parameters.get("id")):
                reading.attributes["llmflow.resource.id"] = identity
        answer = _answer(exchange, shape, limit)
        said = {name: value for name, value in answer.items() if name != "error"}
        if shape and said:
            shape.read_response(said, reading)
    except Exception:
        log.warning("%s %s: the bodies were not understood", exchange.method, exchange.path, exc_info=True)
        reading.attributes["llmflow.unreadable"] = True
    return _error(exchange, answer)


def _answer(exchange: Exchange, shape: Shape | None, limit: int) -> dict[str, Any]:
    """The response as one JSON object, a stream re-assembled; empty when it is neither or nobody would read it."""
    failed = (exchange.status or 0) >= 400
    if not shape and not failed:
        return {}
    encodings = exchange.response_header(b"content-encoding")
    if shape and (framing := _framing(exchange)):
        capture = exchange.response
        answer = shape.reassemble(events_of(capture, framing, encodings, limit))
        return answer if answer.get("usage") or encodings else answer | ending(capture.tail())
    media_type = exchange.response_header(b"content-type")
    return document(exchange.response, media_type, encodings, limit, bulky=bool(shape and shape.bulky))


def _error(exchange: Exchange, answer: Mapping[str, Any]) -> tuple[str, str] | None:
    if exchange.failure in _FAILURES:
        return _FAILURES[exchange.failure], exchange.failure_message
    status = exchange.status or 0
    if status < 400 and not answer.get("error"):
        return None
    return stated_error(status, answer, exchange.response_header(b"x-amzn-errortype"))


def _content(reading: Reading, limit: int, decision: Decision) -> dict[str, JSON]:
    """The content attributes as JSON text, each side cut to `limit`; of the input the newest messages survive."""
    asked = {
        "gen_ai.input.messages": reading.input,
        "gen_ai.system_instructions": reading.system,
        "gen_ai.tool.definitions": reading.tools,
    }
    said = {"gen_ai.output.messages": reading.output}
    sides = (decision.content(asked), decision.content(said))
    return {name: value.decode() for side in sides for name, value in _side(side, limit).items()}


def _side(contents: Mapping[str, list[Any]], limit: int) -> dict[str, bytes]:
    texts = {name: orjson.dumps(value) for name, value in contents.items() if value}
    if sum(map(len, texts.values())) <= limit:
        return texts
    room = [limit]
    return {name: orjson.dumps([_cut(item, room) for item in reversed(contents[name])][::-1]) for name in texts}


def _cut(value: JSON, room: list[int]) -> JSON:
    """`value` with its long texts cut to the room that is left, which shrinks by what is kept."""
    if isinstance(value, str):
        kept = value if len(value) <= max(room[0], _NEVER_CUT) else value[: max(0, room[0])] + "… [cut]"
        room[0] -= len(kept)
        return kept
    if isinstance(value, dict):
        return {name: _cut(item, room) for name, item in value.items()}
    if isinstance(value, list):
        return [_cut(item, room) for item in value]
    return value
