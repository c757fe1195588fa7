"""Captures, content encodings, binary content by reference, credentials."""

from __future__ import annotations

import base64
import gzip
import hashlib
import zlib

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from llmflow_proxy.capture import TAIL_BYTES, Budget, Capture, decoded
from llmflow_proxy.media import by_reference, media
from llmflow_proxy.secrets import REDACTED, is_secret, redacted_query, secrets_of, without
from llmflow_proxy.shape import sse_events

BODY = b'{"text": "' + b"all the same " * 300 + b'"}'
RAW_DEFLATE = zlib.compressobj(wbits=-zlib.MAX_WBITS)
IMAGE = bytes(range(256)) * 8
IMAGE_TEXT = base64.b64encode(IMAGE).decode()
IMAGE_DIGEST = f"sha256:{hashlib.sha256(IMAGE).hexdigest()}"


SIZES = st.integers(0, 2 * TAIL_BYTES)


@given(st.lists(SIZES, max_size=6), SIZES, SIZES)
def test_a_capture_holds_the_head_and_the_tail(sizes: list[int], limit: int, room: int) -> None:
    chunks = [bytes([n]) * size for n, size in enumerate(sizes)]
    budget = Budget(room)
    capture = Capture(limit, budget)
    for chunk in chunks:
        capture.add(chunk)
    body = b"".join(chunks)
    held = capture.head()
    assert capture.size == len(body)
    assert held == body[: min(limit, room)]
    assert capture.truncated == (len(body) > len(held))
    assert capture.tail() == body[len(held) :][-TAIL_BYTES:]
    assert budget.held == len(held)
    capture.release()
    assert (budget.held, capture.head()) == (0, b"")


def test_captures_share_their_budget() -> None:
    budget = Budget(10)
    first, second = Capture(8, budget), Capture(8, budget)
    first.add(b"12345678")
    second.add(b"abcd")
    assert (second.head(), second.truncated) == (b"ab", True)
    first.release()
    second.release()
    assert budget.held == 0


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("", BODY),
        ("identity", BODY),
        ("gzip", gzip.compress(BODY, mtime=0)),
        ("x-gzip", gzip.compress(BODY, mtime=0)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", RAW_DEFLATE.compress(BODY) + RAW_DEFLATE.flush()),
        ("br", brotli.compress(BODY)),
        ("zstd", zstandard.compress(BODY)),
        ("GZIP, br", brotli.compress(gzip.compress(BODY, mtime=0))),
    ],
)
def test_content_encodings_are_taken_off(encoding: str, body: bytes) -> None:
    assert decoded(body, encoding, 1 << 20) == BODY
    if encoding and encoding != "identity":
        cut = decoded(body[: len(body) // 2], encoding, 1 << 20)
        assert BODY.startswith(cut)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "snappy"])
def test_a_body_that_is_not_what_it_says_is_empty(encoding: str) -> None:
    assert decoded(b"\x00 certainly not compressed", encoding, 1 << 20) == b""


@pytest.mark.parametrize("compress", [gzip.compress, brotli.compress, zstandard.compress])
def test_a_bomb_is_not_unpacked(compress: object) -> None:
    assert callable(compress)
    encoding = {gzip.compress: "gzip", brotli.compress: "br"}.get(compress, "zstd")
    assert len(decoded(compress(bytes(4 << 20)), encoding, 1 << 20)) <= 2 << 20


def test_a_data_url_becomes_a_reference() -> None:
    assert media("image", f"data:image/png;base64,{IMAGE_TEXT}") == {
        "type": "blob",
        "modality": "image",
        "mime_type": "image/png",
        "size": len(IMAGE),
        "digest": IMAGE_DIGEST,
    }
    elsewhere = media("image", "https://example.com/cat.png")
    assert elsewhere == {
        "type": "uri",
        "modality": "image",
        "mime_type": None,
        "uri": "https://example.com/cat.png",
    }


def test_base64_is_found_wherever_it_hides() -> None:
    found = by_reference(
        {"deep": [{"file": IMAGE_TEXT}], "text": f"see data:image/png;base64,{IMAGE_TEXT} there", "n": 1}
    )
    assert found == {
        "deep": [{"file": f"[base64, {len(IMAGE)} bytes, {IMAGE_DIGEST}]"}],
        "text": f"see [image/png, {len(IMAGE)} bytes, {IMAGE_DIGEST}] there",
        "n": 1,
    }


@pytest.mark.parametrize("text", ["short", "a longer sentence " * 100, "ACGT" * 500, "0123456789abcdef" * 100])
def test_text_stays_text(text: str) -> None:
    assert by_reference(text) == text


@pytest.mark.parametrize(
    "name",
    [
        "authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "key", "access_token", "helicone-auth",
        "proxy-authorization", "X-Amz-Security-Token", "X-Amz-Signature", "password",
        "x-goog-iap-jwt-assertion", "x-amzn-oidc-data", "dpop",
    ],
)  # fmt: skip
def test_names_of_credentials(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name", ["x-request-id", "user-agent", "openai-organization", "monkey", "author", "limit", "after"]
)
def test_other_names(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"x-upstream", b"Bearer canary-0123"),
        (b"authorization", b"Basic " + base64.b64encode(b"user:canary-0123")),
        (b"referer", b"https://example.com/?token=canary-0123&page=1"),
    ],
)
def test_credentials_in_headers_are_found_by_their_form(name: bytes, value: bytes) -> None:
    assert "canary-0123" in secrets_of([(name, value)], "")


def test_secrets_are_found_and_blanked() -> None:
    headers = [(b"authorization", b"Bearer sk-canary-1"), (b"cookie", b"sid=canary-cookie; a=b"), (b"accept", b"*/*")]
    secrets = secrets_of(headers, "key=canary%2Fquery&alt=sse")
    text = "sk-canary-1, Bearer sk-canary-1, canary-cookie, canary/query, canary%2Fquery, sse"
    assert without({"x": [text]}, secrets) == {"x": [", ".join([REDACTED] * 5) + ", sse"]}
    assert redacted_query("key=canary%2Fquery&alt=sse&flag") == f"key={REDACTED}&alt=sse&flag"


def test_server_sent_events() -> None:
    stream = b': hello\r\nevent: a\r\ndata: {"n":\r\ndata: 1}\r\n\r\ndata:{"n":2}\n\ndata: [DONE]\n\ndata: {"n": 3'
    assert list(sse_events(stream)) == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize(
    ("second", "read"),
    [
        (b'{"text": "data:"}', [{"text": "data:"}]),
        (b"{}\n: a comment", [{}]),
        (b'{"n": 2', []),
        (b'{"n": 2}, {"n": 3}', []),
        (b"2", []),
        (b"", []),
        (b'"\xff"', []),
    ],
)
def test_strange_events_do_not_hide_the_others(second: bytes, read: list[dict[str, str]]) -> None:
    """Most streams are read as one array, which a single strange event must not make another stream of."""
    stream = b'data: {"n": 1}\n\ndata: %b\n\ndata: {"n": 4}\n\ndata: [DONE]\n\n' % second
    assert list(sse_events(stream)) == [{"n": 1}, *read, {"n": 4}]
