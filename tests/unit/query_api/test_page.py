"""The page's files: what is served where, how long it may be kept, and what is never served."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

Client = AsyncTestClient[Litestar]
INDEX = "<!doctype html><title>LLMFlow</title>"
LARGE = "export const x = 1;\n" * 1000
#: Nothing here reads it.
BROTLI = b"compressed"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's files."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.txt").write_text("secret")
    folder = outside / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(INDEX)
    (folder / "favicon.svg").write_text("<svg/>")
    (folder / "assets" / "index-4f3a.js").write_text("export {};")
    (folder / "assets" / "large-77aa.js").write_text(LARGE)
    (folder / "assets" / "large-77aa.js.gz").write_bytes(gzip.compress(LARGE.encode()))
    (folder / "assets" / "large-77aa.js.br").write_bytes(BROTLI)
    (folder / "link.txt").symlink_to(outside / "secret.txt")
    return folder


@pytest.fixture
async def visitor(make_client: Callable[..., Client], folder: Path) -> AsyncIterator[Client]:
    """A client of an application that serves the page."""
    async with make_client(frontend_dir=folder) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/index.html", "/traces/abc", "/login", "/secret.txt", "/link.txt"])
async def test_index_answers_for_itself_and_for_the_routes_of_the_page(visitor: Client, path: str) -> None:
    answer = await visitor.get(path)
    assert (answer.status_code, answer.text) == (200, INDEX)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("path", "media_type", "cache_control"),
    [
        ("/assets/index-4f3a.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        ("/favicon.svg", "image/svg+xml", "no-cache"),
    ],
)
async def test_files_have_their_type_and_life(visitor: Client, path: str, media_type: str, cache_control: str) -> None:
    answer = await visitor.get(path)
    assert answer.status_code == 200
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == (media_type, cache_control)


async def test_an_unchanged_file_is_not_sent_again(visitor: Client) -> None:
    first = await visitor.get("/")
    again = await visitor.get("/", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    changed = await visitor.get("/", headers={"If-None-Match": 'W/"other"'})
    assert changed.status_code == 200


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br", "br"),
        ("gzip;q=1.0, br;q=0", "gzip"),
        ("deflate", None),
        ("identity", None),
    ],
)
async def test_a_file_is_sent_as_the_build_compressed_it(visitor: Client, accepted: str, coding: str | None) -> None:
    headers = {"Accept-Encoding": accepted}
    async with visitor.stream("GET", "/assets/large-77aa.js", headers=headers) as answer:
        sent = b"".join([piece async for piece in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["vary"] == "accept-encoding"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert int(answer.headers["content-length"]) == len(sent)
    plain = gzip.decompress(sent) if coding == "gzip" else sent
    assert plain == (BROTLI if coding == "br" else LARGE.encode())


async def test_head_has_the_headers_and_no_body(visitor: Client) -> None:
    answer = await visitor.head("/")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(INDEX))


@pytest.mark.parametrize("path", ["/", "/assets/index-4f3a.js"])
async def test_the_browser_is_told_to_trust_nobody_else(visitor: Client, path: str) -> None:
    headers = (await visitor.get(path)).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/index-old.js",
        "/assets/%2e%2e/%2e%2e/secret.txt",
        "/a%00b",
        "/api",
        "/api/v1/nothing",
        "/api/v2/traces",
    ],
)
async def test_what_the_page_does_not_route_is_404(visitor: Client, path: str) -> None:
    answer = await visitor.get(path)
    assert answer.status_code == 404
    assert INDEX not in answer.text
    assert "secret" not in answer.text


@pytest.mark.parametrize("path", ["/%2e%2e/secret.txt", "/..%2fsecret.txt", "//etc/passwd", "/assets/../../secret.txt"])
async def test_nothing_outside_the_folder_is_served(visitor: Client, path: str) -> None:
    answer = await visitor.get(path)
    assert answer.text == INDEX or answer.status_code == 404


async def test_a_name_too_long_for_a_file_is_a_route(visitor: Client) -> None:
    assert (await visitor.get("/traces/" + "x" * 1000)).text == INDEX


@pytest.mark.parametrize("path", ["/", "/traces", "/v1/traces"])
async def test_the_page_takes_nothing(visitor: Client, path: str) -> None:
    assert (await visitor.post(path)).status_code == 404


async def test_the_api_stays_where_it_is(visitor: Client) -> None:
    assert (await visitor.get("/api/v1/projects")).status_code == 401
    assert (await visitor.get("/healthz")).status_code == 200
