"""A strict backend on a real port, OTLP/HTTP or Zipkin: takes what the specifications and the backend that it plays
allow, remembers it, answers as told."""

from __future__ import annotations

import gzip
import ssl
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

import zstandard
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from llmflow_core.errors import Rejected
from llmflow_core.otlp import parse_traces
from llmflow_core.otlp_checks import check_traces
from llmflow_ingest.zipkin import request_of as zipkin_request
from llmflow_testkit.otlp_requests import traces_of_json
from llmflow_testkit.ports import free_port


@dataclass(frozen=True)
class Answer:
    """What the receiver says to one request. A request that is answered 2xx counts as taken, from the moment it came.

    `held_until` keeps the answer back until the event is set, `delay` for so many seconds, or until the receiver stops.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default_factory=ExportTraceServiceResponse().SerializeToString)
    held_until: threading.Event | None = None
    delay: float = 0


@dataclass(frozen=True)
class Received:
    """One request: its path, its headers (names in lower case), its body as it was sent and decompressed, and that
    parsed."""

    path: str
    headers: Mapping[str, str]
    sent: bytes
    body: bytes
    request: ExportTraceServiceRequest

    @property
    def spans(self) -> list[Span]:
        """Its spans in order."""
        return [s for resource in self.request.resource_spans for scope in resource.scope_spans for s in scope.spans]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a backend asks of every request besides OTLP's rules; what is not so counts as a violation.

    `headers` must be there with these values, `content_types` and `encodings` (None: not compressed) are all that it
    reads, `max_bytes` is the largest body once it is inflated: more is answered 413, which is no violation.
    """

    path: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_types: tuple[str, ...] = ("application/x-protobuf", "application/json")
    encodings: tuple[str | None, ...] = (None, "gzip", "zstd")
    max_bytes: int | None = None


class OtlpReceiver:
    """Use as a context manager; thread-safe. `stop` and `start` again play a backend that is away and comes back.

    `script` queues answers for the next requests; without one it is what `otherwise` gives (200), and 400 if `refuses`,
    a span's name, occurs in the request. What breaks the protocol, or is not as `wanted`, is answered 400 and kept in
    `violations`. `too_large` counts what was answered 413.
    """

    def __init__(self, wanted: Wanted | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        self.port = free_port()
        self._tls = tls
        self.wanted = wanted or Wanted()
        self.too_large = 0
        self.requests: list[Received] = []
        self.taken: list[Received] = []
        self.violations: list[str] = []
        self.refuses: str | None = None
        self.otherwise: Callable[[], Answer] = Answer
        self._script: deque[Answer] = deque()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The endpoint, without a path."""
        return f"https://localhost:{self.port}" if self._tls else f"http://127.0.0.1:{self.port}"

    @property
    def span_ids(self) -> list[bytes]:
        """The ids of all spans taken so far, in the order and as often as they came."""
        with self._lock:
            return [span.span_id for received in self.taken for span in received.spans]

    def script(self, *answers: Answer) -> None:
        """Answer the next requests with these, one each."""
        with self._lock:
            self._script.extend(answers)

    def start(self) -> None:
        """Listen."""
        self._stopping.clear()
        self._server = _Server(("127.0.0.1", self.port), self)
        if self._tls is not None:
            self._server.socket = self._tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self) -> None:
        """Refuse connections. Idempotent."""
        self._stopping.set()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
        self._server = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def answer_to(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Judge one request."""
        try:
            received = _judge(self.wanted, path, headers, body)
        except Rejected as error:
            with self._lock:
                self.violations.append(str(error))
            return Answer(400, body=b"")
        with self._lock:
            if self.wanted.max_bytes is not None and len(received.body) > self.wanted.max_bytes:
                self.too_large += 1
                return Answer(413, body=b"too large")
            self.requests.append(received)
            answer = self._script.popleft() if self._script else self.otherwise()
            if self.refuses in [span.name for span in received.spans]:
                answer = Answer(400, body=b"a span that is refused")
            if answer.status < 300:
                self.taken.append(received)
        if answer.delay:
            self._stopping.wait(answer.delay)
        while answer.held_until and not self._stopping.is_set() and not answer.held_until.wait(0.02):
            pass
        return answer


def _judge(wanted: Wanted, path: str, headers: Mapping[str, str], body: bytes) -> Received:
    content_type, encoding = headers.get("content-type"), headers.get("content-encoding")
    if content_type not in wanted.content_types:
        raise Rejected(f"is {content_type}", field="content-type")
    if encoding not in wanted.encodings:
        raise Rejected(f"is {encoding}", field="content-encoding")
    if wanted.path is not None and path != wanted.path:
        raise Rejected(f"is {path}", field="path")
    for name, value in wanted.headers.items():
        if headers.get(name) != value:
            raise Rejected(f"is {headers.get(name)}", field=name)
    sent, body = body, _INFLATE[encoding](body)
    request = _parse(path, content_type, body)
    received = Received(path, headers, sent, body, ExportTraceServiceRequest.FromString(request.SerializeToString()))
    if problems := check_traces(request):
        raise Rejected("; ".join(problems))
    return received


def _parse(path: str, content_type: str | None, body: bytes) -> ExportTraceServiceRequest:
    if path == "/api/v2/spans":
        request, problems = zipkin_request(body)
        if problems:
            raise Rejected("; ".join(problems))
        return request
    return parse_traces(body) if content_type == "application/x-protobuf" else traces_of_json(body)


_INFLATE: dict[str | None, Callable[[bytes], bytes]] = {
    None: bytes,
    "gzip": gzip.decompress,
    "zstd": zstandard.decompress,
}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], receiver: OtlpReceiver) -> None:
        super().__init__(address, _Handler)
        self.receiver = receiver


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.receiver.answer_to(self.path, headers, self._body())
        try:
            self.send_response(answer.status)
            for name, value in {"content-type": "application/x-protobuf", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)
        except OSError:
            self.close_connection = True  # the client was killed while the answer was held

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":  # as Node's exporters send it
            return self.rfile.read(int(self.headers["content-length"]))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ssl.SSLError:
            self.close_connection = True  # a client that trusts this server as little as it is trusted

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Say nothing."""
