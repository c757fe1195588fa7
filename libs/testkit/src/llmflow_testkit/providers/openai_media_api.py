"""The fake OpenAI's images and audio."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from llmflow_testkit.providers.forms import Field, form_of
from llmflow_testkit.providers.openai_responses_api import PICTURE
from llmflow_testkit.providers.openai_wire import events, headers, missing, ok
from llmflow_testkit.providers.replies import Options, Reply, event, tokens

#: What a speech sounds like: not much, but binary.
SOUND = b"ID3\x04" + bytes(range(256)) * 64
TRANSCRIPT = "The quick brown fox."
_SOUND_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav", "opus": "audio/opus", "flac": "audio/flac", "aac": "audio/aac"}
_SPEECH_CHUNK = 4096


def reply(path: str, media_type: str, body: bytes, options: Options) -> Reply | None:
    """Answer a POST to /v1/images/... or /v1/audio/..., None to anything else."""
    form = form_of(media_type, body)
    match path:
        case "/v1/images/generations":
            return _images(json.loads(body), "image_generation", 0)
        case "/v1/images/edits" | "/v1/images/variations" if form:
            given = [*form.get("image", []), *form.get("image[]", [])]
            if not given:
                return missing("image")
            request = {name: fields[0].text for name, fields in form.items() if fields[0].filename is None}
            return _images(request, "image_edit", len(given))
        case "/v1/images/edits":
            request = json.loads(body)
            return _images(request, "image_edit", len(request["images"]))
        case "/v1/audio/speech":
            return _speech(json.loads(body))
        case "/v1/audio/transcriptions" | "/v1/audio/translations":
            return _transcription(form) if "file" in form else missing("file")
    return None


def _images(request: dict[str, Any], kind: str, pictures_given: int) -> Reply:
    as_url = request.get("model", "dall-e-2").startswith("dall-e") and request.get("response_format") != "b64_json"
    one = {"url": "https://images.example/cat.png?sig=secret"} if as_url else {"b64_json": PICTURE}
    seen = 300 * pictures_given
    read, drawn = tokens(request.get("prompt", "")), 1056 * int(request.get("n") or 1)
    usage = {
        "input_tokens": read + seen,
        "input_tokens_details": {"text_tokens": read, "image_tokens": seen},
        "output_tokens": drawn,
        "output_tokens_details": {"text_tokens": 0, "image_tokens": drawn},
        "total_tokens": read + seen + drawn,
    }
    how = {"background": "opaque", "output_format": "png", "quality": "low", "size": "1024x1024"}
    made = {"created_at": int(time.time()), **how}
    if request.get("stream") in (True, "true"):
        partial = {**made, "b64_json": PICTURE[:400], "partial_image_index": 0}
        complete = {**made, "b64_json": PICTURE, "usage": usage}
        parts = ((f"{kind}.partial_image", partial), (f"{kind}.completed", complete))
        return events([event({"type": name, **members}, name) for name, members in parts])
    described = {} if as_url else {**how, "usage": usage}
    return ok({"created": int(time.time()), "data": [one] * int(request.get("n") or 1), **described})


def _speech(request: dict[str, Any]) -> Reply:
    if "voice" not in request:
        return missing("voice")
    pieces = [SOUND[start : start + _SPEECH_CHUNK] for start in range(0, len(SOUND), _SPEECH_CHUNK)]
    if request.get("stream_format") == "sse":
        chunks = [event({"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()}) for piece in pieces]
        read = tokens(request["input"])
        usage = {"input_tokens": read, "output_tokens": 101, "total_tokens": read + 101}
        return events([*chunks, event({"type": "speech.audio.done", "usage": usage})])
    sound_type = _SOUND_TYPES.get(request.get("response_format", "mp3"), "application/octet-stream")
    return Reply(200, [("content-type", sound_type), *headers()], pieces, streamed=True)


def _transcription(form: dict[str, list[Field]]) -> Reply:
    fields = {name: values[0].text for name, values in form.items() if values[0].filename is None}
    usage = {
        "type": "tokens",
        "input_tokens": 14,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
        "output_tokens": tokens(TRANSCRIPT),
        "total_tokens": 14 + tokens(TRANSCRIPT),
    }
    if fields.get("stream") == "true":
        words = [f"{word} " for word in TRANSCRIPT.split(" ")]
        chunks = [event({"type": "transcript.text.delta", "delta": word, "logprobs": []}) for word in words]
        return events([*chunks, event({"type": "transcript.text.done", "text": TRANSCRIPT, "usage": usage})])
    match fields.get("response_format", "json"):
        case "text":
            return Reply(200, [("content-type", "text/plain; charset=utf-8"), *headers()], [f"{TRANSCRIPT}\n".encode()])
        case "verbose_json":
            seconds = {"type": "duration", "seconds": 3}
            told = {"task": "transcribe", "language": "english", "duration": 2.95, "text": TRANSCRIPT}
            return ok({**told, "segments": [], "usage": seconds})
        case _:
            return ok({"text": TRANSCRIPT, "usage": usage})
