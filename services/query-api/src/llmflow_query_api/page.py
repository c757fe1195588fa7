"""The page's files: hashed assets for ever, everything else fresh, unknown paths to the page's own router."""

from __future__ import annotations

import asyncio
import mimetypes
from http import HTTPStatus
from pathlib import Path

from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.exceptions import NotFoundException
from litestar.types import ASGIApp, Receive, Scope, Send

#: Files below it carry a hash of their content in their name.
_HASHED = "assets"
#: Content codings, the best first, each with the suffix of the files that the build left compressed beside the plain.
_CODINGS = {"br": ".br", "gzip": ".gz"}
# Inline styles only: the components set some. Images of recorded conversations are shown from the record, never
# fetched from where they came, which would tell that place who is looking.
_SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "media-src 'self' data: blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


def page_app(folder: Path) -> ASGIApp:
    """An application that answers GET and HEAD with the files of `folder`, compressed where the build has left them so,
    and with its index.html where there is no file, since the page routes by itself; raises NotFoundException for
    everything else."""
    root = folder.resolve()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] not in ("GET", "HEAD"):
            raise NotFoundException
        file = _find(root, scope["path"])
        asked = Headers.from_scope(scope)
        coding, coded = _coded(file, asked.get("accept-encoding", ""))
        headers = _headers(root, file, coding)
        if asked.get("if-none-match") == headers["etag"]:
            await _answer(send, HTTPStatus.NOT_MODIFIED, headers, b"")
            return
        body = await asyncio.to_thread(coded.read_bytes)
        headers["content-length"] = str(len(body))
        await _answer(send, HTTPStatus.OK, headers, b"" if scope["method"] == "HEAD" else body)

    return app


def _find(root: Path, path: str) -> Path:
    if "\0" in path:
        raise NotFoundException
    file = (root / path.lstrip("/")).resolve()
    if file.is_relative_to(root) and file.is_file():
        return file
    if path.startswith(f"/{_HASHED}/"):
        raise NotFoundException
    return root / "index.html"


def _coded(file: Path, accepted: str) -> tuple[str | None, Path]:
    """The best coding of `file` that there is and is accepted, and where it is; None with the file as it is."""
    names = {part.partition(";")[0].strip() for part in accepted.split(",") if not part.endswith("q=0")}
    for coding, suffix in _CODINGS.items():
        coded = file.with_name(file.name + suffix)
        if coding in names and coded.is_file():
            return coding, coded
    return None, file


def _headers(root: Path, file: Path, coding: str | None) -> dict[str, str]:
    stat = file.stat()
    media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    hashed = file.relative_to(root).parts[0] == _HASHED
    return {
        "content-type": f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type,
        "cache-control": "public, max-age=31536000, immutable" if hashed else "no-cache",
        "etag": f'W/"{stat.st_mtime_ns:x}-{stat.st_size:x}"',
        "vary": "accept-encoding",
        **({"content-encoding": coding} if coding else {}),
        **_SECURITY_HEADERS,
    }


async def _answer(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body, "more_body": False})
