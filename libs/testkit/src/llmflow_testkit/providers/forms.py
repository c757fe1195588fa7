"""Forms with files (RFC 7578), as the fake providers receive them."""

from __future__ import annotations

from dataclasses import dataclass

from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)


@dataclass(slots=True)
class Field:
    """One part: `filename` is None for a plain field."""

    filename: str | None
    media_type: str | None
    content: bytes = b""

    @property
    def text(self) -> str:
        """The content as text."""
        return self.content.decode()


def form_of(media_type: str, body: bytes) -> dict[str, list[Field]]:
    """The parts of a form by name; of a body that was cut short or is no form, what there is."""
    kind, options = parse_options_header(media_type)
    fields: dict[str, list[Field]] = {}
    if kind != "multipart/form-data" or not body:
        return fields
    field: Field | None = None
    try:
        for event in PushMultipartParser(options.get("boundary", "")).parse(body):
            if isinstance(event, MultipartSegment):
                field = Field(event.filename, event.content_type)
                fields.setdefault(event.name, []).append(field)
            elif event is not None and field:
                field.content += bytes(event)
    except MultipartError:
        pass
    return fields
