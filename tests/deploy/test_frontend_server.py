"""The frontend's nginx with its real configuration, in front of stand-ins for the query API and the receiver."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from llmflow_testkit.clusters.availability import available
from llmflow_testkit.nginx import find_nginx
from llmflow_testkit.polling import eventually
from llmflow_testkit.ports import free_port

DOCKER = Path(__file__).parents[2] / "deploy" / "docker"


class Service:
    """A stand-in that answers every request with its own name, the path and the size of the body."""

    def __init__(self, name: str) -> None:
        self.finish = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path == "/api/stream":
                    service.stream(self)
                elif self.path == "/api/visitor":
                    said = (f"X-Forwarded-{name}" for name in ("For", "Proto"))
                    self._say(" ".join(self.headers[name] for name in said))
                elif self.path == "/api/tagged":
                    self._say('{"version": "9f4a61c0"}', {"Content-Type": "application/json", "ETag": '"9f4a61c0"'})
                else:
                    self._answer(0)

            def do_POST(self) -> None:
                self._answer(len(self.rfile.read(int(self.headers["Content-Length"]))))

            def _answer(self, size: int) -> None:
                self._say(f"{name} {self.path} {size} {self.headers['Host']}")

            def _say(self, text: str, headers: Mapping[str, str] | None = None) -> None:
                body = text.encode()
                self.send_response(200)
                for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stream(self, handler: BaseHTTPRequestHandler) -> None:
        """Send one event, and the next when the test has said `finish`."""
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(b"data: first\n\n")
        self.finish.wait(10)
        handler.wfile.write(b"data: second\n\n")
        handler.close_connection = True

    def close(self) -> None:
        self.finish.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def query_api() -> Iterator[Service]:
    service = Service("query-api")
    yield service
    service.close()


@pytest.fixture
def ingest() -> Iterator[Service]:
    service = Service("ingest")
    yield service
    service.close()


@pytest.fixture
async def page(tmp_path: Path, query_api: Service, ingest: Service) -> AsyncIterator[httpx.Client]:
    """A client of a running nginx, whose files and folders are below `tmp_path`."""
    nginx = available(find_nginx)
    port = free_port()
    html = tmp_path / "html"
    (html / "assets").mkdir(parents=True)
    (html / "index.html").write_text("<title>LLMFlow</title>")
    (html / "favicon.svg").write_text("<svg/>")
    (html / "assets" / "index-0a1b2c.js").write_text("1;")
    (html / "assets" / "index-0a1b2c.js.gz").write_bytes(gzip.compress(b"1;"))
    (tmp_path / "mime.types").write_text("types { text/html html; text/javascript js; image/svg+xml svg; }")

    addresses = {
        "LLMFLOW_QUERY_API": query_api.address,
        "LLMFLOW_INGEST": ingest.address,
        "LLMFLOW_TRUSTED_PROXY": "127.0.0.1",
    }
    site = re.sub(
        r"\$\{(\w+)}", lambda variable: addresses[variable[1]], (DOCKER / "llmflow.conf.template").read_text()
    )
    site = site.replace("listen 3000;", f"listen 127.0.0.1:{port};").replace("/usr/share/nginx/html", str(html))
    (tmp_path / "llmflow.conf").write_text(site)
    main = (DOCKER / "nginx.conf").read_text()
    main = main.replace("/tmp/", f"{tmp_path}/").replace("/etc/nginx/mime.types", str(tmp_path / "mime.types"))
    # Started by root, nginx would read the files as another user, to whom pytest's folders are closed.
    user = "user root; " if os.geteuid() == 0 else ""
    (tmp_path / "nginx.conf").write_text(main.replace("worker_processes 2", f"{user}worker_processes 1"))

    command = [str(nginx), "-p", str(tmp_path), "-e", "stderr", "-c", str(tmp_path / "nginx.conf"), "-g", "daemon off;"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:

                async def up() -> bool:
                    if process.poll() is not None:
                        assert process.stderr is not None
                        pytest.fail(process.stderr.read().decode())
                    try:
                        return client.get("/healthz").status_code == httpx.codes.OK
                    except httpx.TransportError:
                        return False

                await eventually(up, within=30)
                yield client
        finally:
            process.terminate()


@pytest.mark.parametrize("path", ["/", "/traces", "/traces/0af7651916cd43dd8448eb211c80319c", "/v1/elsewhere"])
async def test_serves_the_page_on_every_path_of_the_application(page: httpx.Client, path: str) -> None:
    answer = page.get(path)
    assert (answer.status_code, answer.text) == (200, "<title>LLMFlow</title>")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_assets_are_kept_for_ever_and_missing_ones_are_missing(page: httpx.Client) -> None:
    asset = page.get("/assets/index-0a1b2c.js")
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert asset.headers["content-type"].startswith("text/javascript")
    assert (asset.headers["content-encoding"], asset.text) == ("gzip", "1;")
    missing = page.get("/assets/index-older.js")
    assert missing.status_code == 404
    assert "cache-control" not in missing.headers
    assert "cache-control" not in page.get("/favicon.svg").headers


@pytest.mark.parametrize(
    "path",
    [
        "/api/traces?limit=5",
        "/jaeger/api/traces",
        "/api/v1/private",
        "/api/public/scores",
        "/metrics?project=p",
        "/readyz",
    ],
)
async def test_passes_the_api_to_the_query_api(page: httpx.Client, path: str) -> None:
    answer = page.get(path)
    assert answer.text == f"query-api {path} 0 {page.base_url.netloc.decode()}"
    assert "cache-control" not in answer.headers


async def test_leaves_the_entity_tags_of_the_api_as_they_are(page: httpx.Client) -> None:
    assert page.get("/api/tagged", headers={"Accept-Encoding": "gzip"}).headers["etag"] == '"9f4a61c0"'


@pytest.mark.parametrize(
    "path",
    [
        "/v1/traces",
        "/v1/metrics",
        "/v1/logs",
        "/otel/v1/traces",
        "/api/public/otel/v1/traces",
        "/api/v1/private/otel/v1/traces",
        "/api/v2/spans",
    ],
)
async def test_passes_otlp_to_the_receiver(page: httpx.Client, path: str) -> None:
    body = b"x" * 5_000_000
    assert page.post(path, content=body).text == f"ingest {path} {len(body)} {page.base_url.netloc.decode()}"


async def test_streams_arrive_as_they_are_sent(page: httpx.Client, query_api: Service) -> None:
    with page.stream("GET", "/api/stream") as answer:
        parts = answer.iter_bytes()
        assert next(parts) == b"data: first\n\n"
        query_api.finish.set()
        assert next(parts) == b"data: second\n\n"


async def test_says_where_a_visitor_came_from_as_far_as_that_is_known(page: httpx.Client) -> None:
    assert page.get("/api/visitor").text == "127.0.0.1 http"
    # The reverse proxy in front adds the last address; what stands before it is the visitor's own word.
    told = {"X-Forwarded-For": "192.0.2.1, 198.51.100.7", "X-Forwarded-Proto": "https"}
    assert page.get("/api/visitor", headers=told).text == "198.51.100.7 https"
