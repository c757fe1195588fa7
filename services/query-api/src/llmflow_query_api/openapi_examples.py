"""Examples for the OpenAPI document: one for every body and every parameter, made from those of their members."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_TIME = "2026-01-31T09:30:00Z"
#: By the parameter's name, where neither its default nor its schema gives one.
_PARAMETERS = {
    "project": "default",
    "from": "2026-01-31T00:00:00Z",
    "to": "2026-02-01T00:00:00Z",
    "filter": 'model:gpt-4o* cost:>0.01 "refund"',
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "span_id": "00f067aa0ba902b7",
    "user_id": "alice",
    "session_id": "chat-42",
    "model": "gpt-4o-mini",
    "service": "checkout",
    "key_id": "lf-pk-vXb1mPq0a9Zt3kLw",
    "score_id": "5f0c6a1e",
    "job_id": "7",
    "view_id": "3f2a9c6b7d514c0e",
    "metric": "cost",
    "group_by": "model",
    "interval": "1h",
    "field": "model",
    "name": "helpfulness",
    "source": "user",
    "event_name": "gen_ai.choice",
    "tool": "claude_code",
    "text": "rate limit",
    "by": "type",
    "If-Match": '"9f4a61c0d27be35801c6a4f2"',
    "If-None-Match": "*",
}
#: What only an answer can give.
_OPAQUE = frozenset({"cursor", "before", "Last-Event-ID"})


def add_examples(document: dict[str, Any]) -> None:
    """Put an example to every body of a request or an answer, and to every parameter."""
    components = document["components"]["schemas"]
    for operations in document["paths"].values():
        for operation in operations.values():
            for content in _contents(operation):
                if reference := content["schema"].get("$ref"):
                    component = components[reference.rpartition("/")[2]]
                    component["examples"] = [_example(component, components)]
            for parameter in operation.get("parameters", []):
                if parameter["name"] not in _OPAQUE:
                    parameter["example"] = _parameter(parameter, components)


def _contents(operation: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for body in (operation.get("requestBody", {}), *operation["responses"].values()):
        yield from body.get("content", {}).values()


def _parameter(parameter: Mapping[str, Any], components: Mapping[str, Any]) -> Any:
    schema = parameter["schema"]
    default = schema.get("default")
    if default is not None:
        return default
    made, named = _example(schema, components), _PARAMETERS.get(parameter["name"])
    # Parameters of one name may differ in type.
    return named if type(named) is type(made) else made


def _example(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Any:
    match schema:
        case {"examples": [first, *_]}:
            return first
        case {"$ref": reference}:
            return _example(components[reference.rpartition("/")[2]], components)
        case {"enum": [first, *_]} | {"const": first}:
            return first
        case {"oneOf": choices} | {"anyOf": choices}:
            return _example(next(choice for choice in choices if choice != {"type": "null"}), components)
        case {"allOf": [first, *_]}:
            return _example(first, components)
        case {"properties": members}:
            return {name: _example(member, components) for name, member in members.items()}
        case {"type": "array"}:
            return [_example(schema["items"], components)] if schema.get("items") else []
        case {"type": "object"}:
            return {}
        case {"type": "string", "format": "date-time"}:
            return _TIME
        case {"type": "integer"}:
            return schema.get("minimum", 1)
        case {"type": "number"}:
            return schema.get("minimum", 0.5)
        case {"type": "boolean"}:
            return True
        case {"type": "string"}:
            return "text"
        case _:
            return None
