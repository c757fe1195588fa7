"""Content types and content encodings of requests."""

from __future__ import annotations

import gzip
import time
import zlib
from collections.abc import Callable
from contextlib import suppress

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from llmflow_core.errors import Rejected
from llmflow_ingest.bodies import Encoding, decompress
from llmflow_ingest.errors import TooLarge, UnsupportedMedia


def _raw_deflate(body: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(body) + compressor.flush()


def _zstd_stream(body: bytes) -> bytes:
    compressor = zstandard.ZstdCompressor().compressobj()  # writes no content size
    return compressor.compress(body) + compressor.flush()


COMPRESSORS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "zlib": ("deflate", zlib.compress),
    "raw deflate": ("deflate", _raw_deflate),
    "zstd": ("zstd", zstandard.compress),
    "zstd stream": ("zstd", _zstd_stream),
}
each_compressor = pytest.mark.parametrize(("name", "compress"), COMPRESSORS.values(), ids=COMPRESSORS)


@each_compressor
@given(body=st.binary(max_size=5000))
def test_what_was_compressed_comes_back(name: str, compress: Callable[[bytes], bytes], body: bytes) -> None:
    assert decompress(compress(body), name, limit=5000) == body
    assert decompress(compress(body), f" {name.upper()} ", limit=5000) == body


@pytest.mark.parametrize("name", [None, "", "identity"])
def test_uncompressed(name: str | None) -> None:
    assert decompress(b"as it is", name, limit=100) == b"as it is"


@each_compressor
def test_limit_is_inclusive(name: str, compress: Callable[[bytes], bytes]) -> None:
    assert len(decompress(compress(bytes(1000)), name, limit=1000)) == 1000
    with pytest.raises(TooLarge, match="more than 999 bytes"):
        decompress(compress(bytes(1000)), name, limit=999)


@each_compressor
def test_bomb_is_stopped_early(name: str, compress: Callable[[bytes], bytes]) -> None:
    with pytest.raises(TooLarge):
        decompress(compress(bytes(50_000_000)), name, limit=10_000)


@each_compressor
def test_cut_short(name: str, compress: Callable[[bytes], bytes]) -> None:
    whole = compress(b"some spans, some more spans and yet another one")
    for length in range(len(whole)):
        with pytest.raises(Rejected):
            decompress(whole[:length], name, limit=1000)


@pytest.mark.parametrize("name", ["gzip", "deflate", "zstd"])
@given(noise=st.binary(max_size=200))
def test_noise_never_crashes(name: str, noise: bytes) -> None:
    with suppress(Rejected):
        assert len(decompress(noise, name, limit=10_000)) <= 10_000


@pytest.mark.parametrize(("name", "compress"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_several_members_count_as_one_body(name: str, compress: Callable[[bytes], bytes]) -> None:
    assert decompress(compress(b"one, ") + compress(b"two"), name, limit=100) == b"one, two"
    with pytest.raises(Rejected):
        decompress(compress(b"one") + b"garbage", name, limit=100)


@pytest.mark.parametrize(("name", "empty"), [("gzip", gzip.compress(b"", mtime=0)), ("zstd", zstandard.compress(b""))])
def test_many_empty_members_take_no_long_time(name: str, empty: bytes) -> None:
    body = empty * (4_000_000 // len(empty))
    started = time.process_time()
    assert decompress(body, name, limit=100) == b""
    assert time.process_time() - started < 20


def test_deflate_has_one_member_only() -> None:
    with pytest.raises(Rejected, match="follows the end"):
        decompress(_raw_deflate(b"one") + _raw_deflate(b"two"), "deflate", limit=100)


@pytest.mark.parametrize("name", ["br", "gzip, gzip", "snappy"])
def test_unknown_content_encoding(name: str) -> None:
    with pytest.raises(UnsupportedMedia, match="content-encoding"):
        decompress(b"", name, limit=100)


def test_zstd_window_is_bounded() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=25)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    with pytest.raises(Rejected, match="not valid zstd"):
        decompress(compressor.compress(b"x" * 1000) + compressor.flush(), "zstd", limit=10_000)


def test_content_type() -> None:
    assert Encoding.of("application/x-protobuf") is Encoding.PROTOBUF
    assert Encoding.of("Application/JSON; charset=utf-8") is Encoding.JSON
    for other in (None, "", "text/plain", "application/x-www-form-urlencoded"):
        with pytest.raises(UnsupportedMedia, match="content-type"):
            Encoding.of(other)
