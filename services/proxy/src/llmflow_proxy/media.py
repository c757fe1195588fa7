"""Binary content by reference: what is base64 becomes its type, size and digest before anything is recorded."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from llmflow_core.spans import JSON

#: Shorter runs are left alone: they are ids, hashes and signatures rather than files.
_SHORTEST = 512
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w-]+=[^;,\s]+)*;base64,([A-Za-z0-9+/_=-]+)")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}\s*")
#: Files have all three classes of characters; a long hexadecimal or DNA sequence stays readable text.
_CLASSES = [re.compile(one) for one in ("[A-Z]", "[a-z]", "[0-9]")]


def blob(modality: str, media_type: str | None, content: str) -> dict[str, JSON]:
    """A message part for base64 `content`: the GenAI conventions' BlobPart, size (bytes) and digest for content."""
    size, digest = _measured(content)
    return {"type": "blob", "modality": modality, "mime_type": media_type, "size": size, "digest": digest}


def media(modality: str, url: str, media_type: str | None = None) -> dict[str, JSON]:
    """A message part for a URL: a blob when it is a data URL, else a reference to where the content is."""
    if match := _DATA_URL.fullmatch(url):
        return blob(modality, match[1] or media_type, match[2])
    return {"type": "uri", "modality": modality, "mime_type": media_type, "uri": by_reference(url)}


def by_reference(value: JSON) -> JSON:
    """`value` with every base64 blob in it, however deep, replaced by a short text that names type, size and digest."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return {key: by_reference(item) for key, item in value.items()}
    if isinstance(value, list):
        return [by_reference(item) for item in value]
    return value


def _text(text: str) -> str:
    if len(text) < _SHORTEST:
        return text
    if ";base64," in text:
        return _DATA_URL.sub(lambda match: _described(match[1], match[2]), text)
    if _BASE64.fullmatch(text) and all(one.search(text) for one in _CLASSES):
        return _described(None, text)
    return text


def _described(media_type: str | None, content: str) -> str:
    size, digest = _measured(content)
    return f"[{media_type or 'base64'}, {size} bytes, {digest}]"


def _measured(content: str) -> tuple[int, str]:
    """Size and digest of what base64 text stands for; of the text itself when it does not decode (cut short, say)."""
    try:
        raw = base64.b64decode(content.translate(_URL_SAFE), validate=False)
    except (binascii.Error, ValueError):
        raw = content.encode()
    return len(raw), f"sha256:{hashlib.sha256(raw).hexdigest()}"


_URL_SAFE = str.maketrans("-_", "+/")
