"""What of an exchange is recorded: how much of its content, and whether at all.

Decided when the record is made, so that the exchange itself pays nothing for it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

from llmflow_core.spans import JSON

if TYPE_CHECKING:
    from llmflow_core.redaction import Redactor

CaptureMode = Literal["full", "redacted", "metadata"]

CAPTURE_HEADER = "x-llmflow-capture"
SAMPLE_HEADER = "x-llmflow-sample"

#: From the most that is recorded to the least.
_MODES: tuple[CaptureMode, ...] = get_args(CaptureMode)
#: W3C Trace Context, level 2: the rightmost 56 bits of a trace id are random.
_RANDOM_BYTES = 7
#: Attributes read from bodies whose text is a fact about the call and never a quotation from it.
_FACTS = re.compile(
    r"gen_ai\.(?:request\.(?:model|reasoning\.level|encoding_formats)|response\.(?:id|model|finish_reasons)|output\.type"
    r"|operation\.name|provider\.name|usage\..+|token\.type)"
    r"|(?:openai|llmflow)\.(?:api\.type|(?:request|response)\.(?:service_tier|system_fingerprint))"
)
_CODE = re.compile(r"[\w.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Decision:
    """How one exchange is recorded. `ratio` is the share of traces that are kept, of those that do not fail."""

    mode: CaptureMode
    ratio: float
    redactor: Redactor | None = None

    def keeps(self, trace_id: bytes) -> bool:
        """Whether the trace is among those kept; the same for each of its spans, wherever that is decided."""
        return self.ratio >= 1 or int.from_bytes(trace_id[-_RANDOM_BYTES:], "big") >= (1 - self.ratio) * 2.0**56

    def content(self, contents: dict[str, list[JSON]]) -> dict[str, list[JSON]]:
        """Messages, instructions and tools by attribute, as far as they may be kept."""
        if self.mode == "metadata":
            return {}
        return {name: self.redactor.value(value) for name, value in contents.items()} if self.redactor else contents

    def read(self, attributes: Mapping[str, JSON]) -> dict[str, JSON]:
        """Attributes that were read from the bodies, as far as they may be kept."""
        if self.mode == "full":
            return dict(attributes)
        facts = {name: value for name, value in attributes.items() if _is_number(value) or _FACTS.fullmatch(name)}
        if self.redactor is None:
            return facts
        return {name: facts[name] if name in facts else self.redactor.value(attributes[name]) for name in attributes}

    def named(self, attributes: Mapping[str, JSON]) -> dict[str, JSON]:
        """Attributes that the caller named in headers."""
        return dict(attributes) if self.redactor is None else {k: self.redactor.value(v) for k, v in attributes.items()}

    def http(self, attributes: dict[str, JSON]) -> dict[str, JSON]:
        """Attributes of the HTTP exchange; a query string may quote content, the caller's headers too."""
        if self.mode == "metadata":
            return attributes | {"url.full": attributes["url.full"].partition("?")[0]}
        if self.redactor is None:
            return attributes
        asked = (name for name in attributes if name == "url.full" or name.startswith("http.request.header."))
        return attributes | {name: self.redactor.value(attributes[name]) for name in asked}

    def facts(self, *, failed: bool) -> dict[str, JSON]:
        """What the record says of itself. Failures are always kept, so each stands for itself alone."""
        return {
            "llmflow.capture": None if self.mode == "full" else self.mode,
            "llmflow.sample_ratio": None if self.ratio >= 1 else 1.0 if failed else self.ratio,
        }

    def error(self, kind: str, message: str, *, own: bool) -> tuple[str, str]:
        """An error's type and message. Providers quote the request in theirs; `own` ones are the proxy's."""
        if self.mode == "metadata" and not own:
            return kind if _CODE.fullmatch(kind) else "_OTHER", ""
        return kind, self.redactor.text(message) if self.redactor else message


class Policy:
    """The deployment's rules, and what a request may ask of them.

    `X-LLMFlow-Capture` may name a mode that records less than the deployment's, never more; what is no mode's name
    counts as `metadata`, for it was sent to keep something secret. `X-LLMFlow-Sample` is a ratio from 0 to 1 that
    replaces the deployment's; what is none is ignored.
    """

    def __init__(self, mode: CaptureMode = "full", ratio: float = 1.0, patterns: Sequence[str] = ()) -> None:
        self._mode = mode
        self._ratio = ratio
        self._patterns = patterns
        self._usual = self._decision(mode, ratio)

    def decide(self, headers: Mapping[str, str]) -> Decision:
        """How the exchange with these request headers (names in lower case) is recorded."""
        asked_mode, asked_ratio = headers.get(CAPTURE_HEADER), headers.get(SAMPLE_HEADER)
        if asked_mode is None and asked_ratio is None:
            return self._usual
        return self._decision(_stricter(self._mode, asked_mode), _ratio(asked_ratio, self._ratio))

    def _decision(self, mode: CaptureMode, ratio: float) -> Decision:
        return Decision(mode, ratio, self._redactor if mode == "redacted" else None)

    @cached_property
    def _redactor(self) -> Redactor:
        # RE2 takes some megabytes that a proxy which never redacts need not spend.
        from llmflow_core.redaction import Redactor

        return Redactor(self._patterns)


def _stricter(mode: CaptureMode, asked: str | None) -> CaptureMode:
    if asked is None:
        return mode
    name = asked.strip().lower()
    return max(mode, next((known for known in _MODES if known == name), "metadata"), key=_MODES.index)


def _ratio(asked: str | None, usual: float) -> float:
    if asked is None:
        return usual
    try:
        ratio = float(asked)
    except ValueError:
        return usual
    return ratio if math.isfinite(ratio) and 0 <= ratio <= 1 else usual


def _is_number(value: JSON) -> bool:
    return value is None or isinstance(value, (bool, int, float))


#: Records all there is.
EVERYTHING = Policy()
