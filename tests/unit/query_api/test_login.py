"""Who gets in: HTTP Basic, the session cookie, guessing, and requests that other sites make a browser send."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from litestar import Litestar
from litestar.exceptions import NotAuthorizedException, TooManyRequestsException
from litestar.testing import AsyncTestClient

from llmflow_core.errors import Retryable
from llmflow_query_api.auth import COOKIE, Gate, Sessions, client_address
from llmflow_query_api.openapi import document

Client = AsyncTestClient[Litestar]
MakeClient = Callable[..., Client]
LOGIN = {"username": "llmflow", "password": "a long password"}
PROTECTED = [
    path.replace("{trace_id}", "0" * 31 + "1").replace("{span_id}", "0" * 15 + "1")
    for path, item in json.loads(document())["paths"].items()
    if "get" in item and item["get"].get("security")
] + ["/api/v1/openapi.json"]


@pytest.mark.parametrize("path", PROTECTED)
async def test_every_read_needs_a_user(anonymous: Client, path: str) -> None:
    answer = await anonymous.get(path)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "Unauthorized"


async def test_basic_lets_in(client: Client) -> None:
    answer = await client.get("/api/v1/session")
    assert (answer.status_code, answer.json()) == (200, {"username": "llmflow"})


async def test_asking_who_is_logged_in_is_no_error_for_nobody(anonymous: Client) -> None:
    answer = await anonymous.get("/api/v1/session")
    assert (answer.status_code, answer.json()) == (200, {"username": None})
    anonymous.cookies.set(COOKIE, "forged")
    assert (await anonymous.get("/api/v1/session")).json() == {"username": None}
    assert (await anonymous.get("/api/v1/session", auth=("llmflow", "wrong"))).status_code == 401
    anonymous.cookies.clear()
    await anonymous.post("/api/v1/login", json=LOGIN)
    assert (await anonymous.get("/api/v1/session")).json() == {"username": "llmflow"}


@pytest.mark.parametrize(
    "authorization",
    [
        "Basic " + base64.b64encode(b"llmflow:wrong").decode(),
        "Basic " + base64.b64encode(b"other:a long password").decode(),
        "Basic " + base64.b64encode(b"llmflow").decode(),
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "Basic not base64",
        b"Basic \xff\xfe",
        "Basic",
        "Bearer " + base64.b64encode(b"llmflow:a long password").decode(),
    ],
)
async def test_other_authorization_does_not(anonymous: Client, authorization: str | bytes) -> None:
    encoded = authorization if isinstance(authorization, bytes) else authorization.encode()
    answer = await anonymous.get("/api/v1/openapi.json", headers={b"Authorization": encoded})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("headers", "asked"),
    [
        ({}, True),
        ({"Sec-Fetch-Mode": "navigate"}, True),
        ({"Sec-Fetch-Mode": "cors"}, False),
        ({"X-Requested-With": "fetch"}, False),
    ],
)
async def test_only_others_than_the_page_are_asked_for_a_password(
    anonymous: Client, headers: dict[str, str], asked: bool
) -> None:
    answer = await anonymous.get("/api/v1/openapi.json", headers=headers)
    assert answer.status_code == 401
    assert ("www-authenticate" in answer.headers) is asked


async def test_logging_in_sets_a_cookie_that_lets_in_until_logging_out(anonymous: Client) -> None:
    answer = await anonymous.post("/api/v1/login", json=LOGIN)
    assert (answer.status_code, answer.json()) == (200, {"username": "llmflow"})
    attributes = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]}
    assert attributes == {"httponly", "max-age=604800", "path=/api/v1", "samesite=lax"}
    assert (await anonymous.get("/api/v1/openapi.json")).status_code == 200

    assert (await anonymous.post("/api/v1/logout")).status_code == 204
    assert COOKIE not in anonymous.cookies
    assert (await anonymous.get("/api/v1/openapi.json")).status_code == 401


async def test_the_cookie_is_secure_over_https(make_client: MakeClient) -> None:
    async with make_client(base_url="https://testserver.local") as client:
        answer = await client.post("/api/v1/login", json=LOGIN)
    assert "Secure" in answer.headers["set-cookie"]


async def test_a_wrong_login_sets_no_cookie(anonymous: Client) -> None:
    answer = await anonymous.post("/api/v1/login", json={**LOGIN, "password": "wrong"})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("body", "field"), [({"username": "llmflow"}, "password"), ({**LOGIN, "username": 1}, "username")]
)
async def test_a_malformed_login_names_the_field(anonymous: Client, body: dict[str, Any], field: str) -> None:
    answer = await anonymous.post("/api/v1/login", json=body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"username=llmflow", b'{"username": "\\ud800"}'])
async def test_a_login_that_is_no_object_in_json_is_refused(anonymous: Client, body: bytes) -> None:
    answer = await anonymous.post("/api/v1/login", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json()["field"] is None
    assert "'data'" not in answer.json()["detail"]


async def test_a_session_holds_in_every_process_over_the_same_store(make_client: MakeClient) -> None:
    async with make_client() as first, make_client() as second:
        token = (await first.post("/api/v1/login", json=LOGIN)).cookies[COOKIE]
        second.cookies.set(COOKIE, token)
        assert (await second.get("/api/v1/openapi.json")).status_code == 200


@pytest.mark.parametrize(
    "change",
    [{"auth_password": "another"}, {"session_secret": "s" * 32}, {"auth_username": "other"}],
    ids=["password", "secret", "user name"],
)
async def test_changing_what_a_session_stands_on_ends_it(make_client: MakeClient, change: dict[str, str]) -> None:
    async with make_client() as before, make_client(**change) as after:
        token = (await before.post("/api/v1/login", json=LOGIN)).cookies[COOKIE]
        after.cookies.set(COOKIE, token)
        assert (await after.get("/api/v1/openapi.json")).status_code == 401


async def test_a_session_signed_with_the_secret_needs_no_database(
    make_client: MakeClient, break_store: Callable[[Exception], None]
) -> None:
    break_store(Retryable("away"))
    async with make_client(session_secret="s" * 32) as client:
        assert (await client.post("/api/v1/login", json=LOGIN)).status_code == 200
        assert (await client.get("/api/v1/openapi.json")).status_code == 200


async def test_a_forged_or_expired_token_is_nobody() -> None:
    async def key() -> bytes:
        return b"k" * 32

    token = await Sessions(key, password="p", lifetime_seconds=60).issue("llmflow")
    assert await Sessions(key, password="p", lifetime_seconds=60).username(token) == "llmflow"
    assert await Sessions(key, password="p", lifetime_seconds=60).username("x" + token) is None
    assert await Sessions(key, password="p", lifetime_seconds=60).username("é") is None
    assert await Sessions(key, password="p", lifetime_seconds=-1).username(token) is None


@pytest.mark.usefixtures("unending_waits")
async def test_guessing_is_slowed_whatever_the_way_but_a_session_is_not(anonymous: Client) -> None:
    await anonymous.post("/api/v1/login", json=LOGIN)
    for _ in range(3):
        assert (await anonymous.post("/api/v1/login", json={**LOGIN, "password": "wrong"})).status_code == 401
    for _ in range(2):
        assert (await anonymous.get("/api/v1/openapi.json", auth=("llmflow", "wrong"))).status_code == 401

    for answer in (
        await anonymous.post("/api/v1/login", json=LOGIN),
        await anonymous.get("/api/v1/openapi.json", auth=("llmflow", "a long password")),
    ):
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        assert answer.json()["title"] == "Too Many Requests"
    assert (await anonymous.get("/api/v1/openapi.json")).status_code == 200


def _connection(address: str) -> Any:
    return SimpleNamespace(client=SimpleNamespace(host=address), headers={})


@pytest.mark.usefixtures("unending_waits")
def test_guessing_from_one_address_slows_no_other_and_many_names_do_not_help() -> None:
    gate = Gate("llmflow", "right", SimpleNamespace())  # type: ignore[arg-type]
    for number in range(20):
        with pytest.raises(NotAuthorizedException):
            gate.check(_connection("192.0.2.1"), f"name {number}", "wrong")
    with pytest.raises(TooManyRequestsException):
        gate.check(_connection("192.0.2.1"), "llmflow", "right")
    gate.check(_connection("192.0.2.2"), "llmflow", "right")


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("somewhere", "somewhere"),
    ],
)
def test_an_ipv6_client_counts_as_its_network(address: str, counted_as: str) -> None:
    assert client_address(_connection(address)) == counted_as


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://public.name"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver.local"}, False),
        ({"Origin": "http://testserver.local"}, True),
        ({"Origin": "http://testserver.local:81"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://[::1"}, False),
    ],
)
async def test_other_sites_cannot_change_anything(anonymous: Client, headers: dict[str, str], allowed: bool) -> None:
    for path, body in (("/api/v1/login", LOGIN), ("/api/v1/logout", None)):
        answer = await anonymous.post(path, json=body, headers=headers)
        assert answer.status_code == (403 if not allowed else 200 if body else 204)


async def test_reading_from_another_site_is_left_to_the_browser(client: Client) -> None:
    answer = await client.get("/api/v1/openapi.json", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers
