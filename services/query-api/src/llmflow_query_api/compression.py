"""How answers are compressed: with zstd for clients that take it, smaller and for a quarter of the work, or gzip."""

from __future__ import annotations

from io import BytesIO
from typing import ClassVar

import zstandard
from litestar.config.compression import CompressionConfig
from litestar.enums import CompressionEncoding
from litestar.middleware.compression.facade import CompressionFacade

from llmflow_query_api.leaving import AS_IT_IS

_LEVEL = 1
_SMALLEST = 1024


class _Zstandard(CompressionFacade):
    encoding: ClassVar[str] = "zstd"

    def __init__(
        self, buffer: BytesIO, compression_encoding: CompressionEncoding | str, config: CompressionConfig
    ) -> None:
        self._buffer = buffer
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL).compressobj()

    def write(self, body: bytes) -> None:
        """Compress one part of the answer so that it can be read without those that follow."""
        self._buffer.write(self._compressor.compress(body))
        self._buffer.write(self._compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))

    def close(self) -> None:
        """End the answer."""
        self._buffer.write(self._compressor.flush())


COMPRESSION = CompressionConfig(
    backend=_Zstandard.encoding,
    compression_facade=_Zstandard,
    gzip_compress_level=_LEVEL,
    minimum_size=_SMALLEST,
    exclude_opt_key=AS_IT_IS,
)
