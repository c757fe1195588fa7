"""Bodies that are no JSON, or too long to be held: forms, files, cut answers."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from llmflow_proxy.bodies import document
from llmflow_proxy.capture import TAIL_BYTES, Budget, Capture

LIMIT = 1 << 20
FORM = "multipart/form-data; boundary=XX"
SOUND = bytes(range(256)) * 400


def captured(body: bytes, held: int = 8 << 20) -> Capture:
    capture = Capture(held, Budget(1 << 30))
    for start in range(0, len(body), 4096):
        capture.add(body[start : start + 4096])
    return capture


def form(*parts: tuple[str, bytes], end: bytes = b"\r\n--XX--\r\n") -> bytes:
    disposed = (
        b"--XX\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + body for head, body in parts
    )
    return b"\r\n".join(disposed) + end


FILE_PART = ('name="file"; filename="fox.mp3"\r\nContent-Type: audio/mpeg', SOUND)


def test_a_form() -> None:
    body = form(('name="model"', b"whisper-1"), FILE_PART, ('name="x[]"', b"1"), ('name="x[]"', "ä".encode()))
    digest = f"sha256:{hashlib.sha256(SOUND).hexdigest()}"
    assert document(captured(body), FORM, "", LIMIT) == {
        "model": "whisper-1",
        "file": {"name": "fox.mp3", "mime_type": "audio/mpeg", "size": len(SOUND), "digest": digest},
        "x[]": ["1", "ä"],
    }


def test_of_a_form_that_is_too_long_the_fields_on_both_sides_and_the_size_of_the_file_are_known() -> None:
    body = form(('name="language"', b"en"), FILE_PART, ('name="model"', b"whisper-1"))
    capture = captured(body, held=5000)
    assert len(capture.head()) + len(capture.tail()) <= 5000 + TAIL_BYTES < len(body)
    assert document(capture, FORM, "", LIMIT) == {
        "language": "en",
        "file": {"name": "fox.mp3", "mime_type": "audio/mpeg", "size": len(SOUND), "digest": None},
        "model": "whisper-1",
    }


@pytest.mark.parametrize("body", [b"", b"nonsense", b"--XX\r\nbroken", form(FILE_PART)[:60]])
def test_a_broken_form_is_empty(body: bytes) -> None:
    assert document(captured(body), FORM, "", LIMIT) == {}
    assert document(captured(body), "multipart/form-data", "", LIMIT) == {}


def test_a_form_that_was_broken_off_keeps_what_came() -> None:
    found: Any = document(captured(form(('name="model"', b"m"), FILE_PART, end=b"")), FORM, "", LIMIT)
    assert (found["model"], found["file"]["name"]) == ("m", "fox.mp3")


def test_a_file() -> None:
    whole: Any = document(captured(SOUND), "audio/mpeg", "", LIMIT)
    digest = f"sha256:{hashlib.sha256(SOUND).hexdigest()}"
    assert whole == {"file": {"mime_type": "audio/mpeg", "size": len(SOUND), "digest": digest}}
    cut: Any = document(captured(SOUND, held=1000), "audio/mpeg", "", LIMIT)
    assert cut == {"file": {"mime_type": "audio/mpeg", "size": len(SOUND), "digest": None}}


def test_text_that_is_no_json() -> None:
    assert document(captured("Füchse\n".encode()), "text/plain; charset=utf-8", "", LIMIT) == {"text": "Füchse\n"}
    assert document(captured(b'{"a": 1}'), "text/plain", "", LIMIT) == {"a": 1}


def test_half_a_character_does_not_hide_the_rest() -> None:
    body = rb'{"model": "gpt-4o", "messages": [{"content": "cut \ud83d"}], "logit_bias": Infinity}'
    found = document(captured(body), "application/json", "", LIMIT)
    assert (found["model"], found["messages"]) == ("gpt-4o", [{"content": "cut \ufffd"}])


def test_of_json_that_is_too_long_the_usage_at_its_end_is_read() -> None:
    answer = {
        "data": [{"b64_json": "A" * 100_000, "note": '"usage": {"input_tokens": 1}'}],
        "usage": {"input_tokens": 7, "input_tokens_details": {"image_tokens": 3}},
        "model": "m",
    }
    found: Any = document(captured(json.dumps(answer).encode(), held=20_000), "application/json", "", LIMIT)
    assert (found["usage"], found["model"]) == (answer["usage"], "m")
    assert found["data"][0]["b64_json"].startswith("AAA")


def test_of_bulky_json_only_the_ends_are_parsed() -> None:
    vectors = [{"embedding": [0.123456] * 1536} for _ in range(100)]
    answer = {"data": vectors, "model": "m", "usage": {"prompt_tokens": 7}}
    found: Any = document(captured(json.dumps(answer).encode()), "application/json", "", LIMIT, bulky=True)
    assert len(found["data"]) < 20
    assert len(found["data"][0]["embedding"]) == 1536
    assert (found["model"], found["usage"]) == ("m", {"prompt_tokens": 7})
