"""The OpenAPI document: committed as the code makes it, complete, and what the API answers with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from litestar import Litestar
from litestar.testing import AsyncTestClient

from llmflow_core.filters import parse_filter
from llmflow_query_api.openapi import api_router, document

COMMITTED = Path(__file__).parents[3] / "frontend" / "openapi.json"
DOCUMENT: dict[str, Any] = json.loads(document())
USER: list[dict[str, list[str]]] = [{"basic": []}, {"session": []}]
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
OPERATIONS = [operation for item in DOCUMENT["paths"].values() for operation in item.values()]


def test_the_committed_document_is_fresh() -> None:
    assert COMMITTED.read_bytes() == document(), "run python -m llmflow_query_api.openapi"


async def test_it_is_served(client: AsyncTestClient[Litestar]) -> None:
    answer = await client.get("/api/v1/openapi.json")
    assert (answer.headers["content-type"], answer.content) == ("application/json", document())


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation["operationId"])
def test_every_operation_says_what_it_does_who_may_and_how_it_fails(operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"]
    errors = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
    assert errors
    for answer in errors.values():
        (content,) = answer["content"].items()
        assert (content[0], content[1]["schema"]) == (
            "application/problem+json",
            {"$ref": "#/components/schemas/Problem"},
        )
    if operation["operationId"] not in ("login", "logout", "getSession"):
        assert operation["security"] in ([*USER, {"key": []}], USER)
    if operation.get("parameters"):
        assert all(parameter["description"] for parameter in operation["parameters"])
        assert "400" in errors


def test_every_edit_may_rely_on_a_version() -> None:
    for path, operations in DOCUMENT["paths"].items():
        for operation in (operations[method] for method in ("put", "patch") if method in operations):
            headers = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "header"}
            assert headers >= {"If-Match", "If-None-Match"}, path
            assert operation["responses"]["412"]["content"]["application/problem+json"]["example"]["status"] == 412
            body = operation["responses"].get("200", {})
            assert "ETag" in body.get("headers", {}) or "204" in operation["responses"], path


def test_no_member_of_a_body_is_named_like_a_dependency() -> None:
    # Litestar would answer 500 where such a member is wrong.
    assert not {"data", *api_router().dependencies} & {name for body in request_bodies() for name in body["properties"]}


async def test_a_body_that_is_no_text_is_refused(client: AsyncTestClient[Litestar]) -> None:
    answer = await client.post("/api/v1/login", content=b'{"\xff": 1}', headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["detail"]) == (400, "the body is not UTF-8")


def request_bodies() -> list[dict[str, Any]]:
    references = [
        operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        for operation in OPERATIONS
        if "requestBody" in operation
    ]
    return [SCHEMAS[reference.rpartition("/")[2]] for reference in references]


def test_operation_ids_are_unique() -> None:
    assert len({operation["operationId"] for operation in OPERATIONS}) == len(OPERATIONS)


def test_every_body_has_an_example_that_is_one() -> None:
    for operation in OPERATIONS:
        for body in (operation.get("requestBody", {}), *operation["responses"].values()):
            for content in body.get("content", {}).values():
                if "$ref" in content["schema"]:
                    [example] = SCHEMAS[content["schema"]["$ref"].rpartition("/")[2]]["examples"]
                    assert_valid(example, content["schema"])


def test_every_parameter_has_an_example_that_is_one() -> None:
    for operation in OPERATIONS:
        for parameter in operation.get("parameters", []):
            if parameter["name"] not in ("cursor", "before", "Last-Event-ID"):
                assert_valid(parameter["example"], parameter["schema"])
                if parameter["name"] == "filter":
                    parse_filter(parameter["example"])


def assert_valid(example: Any, schema: dict[str, Any]) -> None:
    """Fail unless `example` is what `schema` of the document describes."""
    whole = {**schema, "components": DOCUMENT["components"]}
    Draft202012Validator(whole, format_checker=FormatChecker()).validate(example)
