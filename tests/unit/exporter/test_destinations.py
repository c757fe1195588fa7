"""Endpoints and headers as users and OpenTelemetry write them."""

from __future__ import annotations

import pytest

from llmflow_core.destinations.destination import Destination, parse_headers, traces_url
from llmflow_core.destinations.reading import EntryReader


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://localhost:4318", "http://localhost:4318/v1/traces"),
        ("http://localhost:4318/", "http://localhost:4318/v1/traces"),
        ("http://localhost:4318/v1/traces", "http://localhost:4318/v1/traces"),
        ("http://localhost:4318/v1/traces/", "http://localhost:4318/v1/traces"),
        ("https://otlp.arize.com/v1", "https://otlp.arize.com/v1/traces"),
        ("http://localhost:5173/api/v1/private/otel", "http://localhost:5173/api/v1/private/otel/v1/traces"),
        ("https://cloud.langfuse.com/api/public/otel", "https://cloud.langfuse.com/api/public/otel/v1/traces"),
        ("https://backend.example.com/otlp?tenant=a", "https://backend.example.com/otlp/v1/traces?tenant=a"),
    ],
)
def test_endpoint_is_taken_with_or_without_its_path(endpoint: str, url: str) -> None:
    assert traces_url(endpoint) == url


@pytest.mark.parametrize("endpoint", ["localhost:4318", "grpc://localhost:4317", "http://", "/v1/traces", ""])
def test_endpoint_that_is_no_http_url(endpoint: str) -> None:
    with pytest.raises(ValueError, match="http or https URL"):
        traces_url(endpoint)


@pytest.mark.parametrize("host", ["api..example.com", f"{'x' * 64}.com"])
def test_host_that_nobody_can_look_up(host: str) -> None:
    with pytest.raises(ValueError, match="labels of 1 to 63 characters"):
        traces_url(f"https://{host}/v1/traces")


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("", {}),
        ("api-key=abc", {"api-key": "abc"}),
        ("space_id=your-space-id,api_key=your-api-key", {"space_id": "your-space-id", "api_key": "your-api-key"}),
        ("Authorization=Basic cGs6c2s=", {"authorization": "Basic cGs6c2s="}),
        ("authorization=Basic%20cGs6c2s%3D", {"authorization": "Basic cGs6c2s="}),
        (" a = 1 , b=2, ", {"a": "1", "b": "2"}),
        ("empty=", {"empty": ""}),
    ],
)
def test_headers_are_read_as_opentelemetry_writes_them(text: str, headers: dict[str, str]) -> None:
    assert parse_headers(text) == headers


@pytest.mark.parametrize(
    "text", ["a=1,s3cret", "a=1,=s3cret", "a=1,x=s3cret%0d%0aevil: 1", "a=1,ä=s3cret", "a=1,b c=s3cret"]
)
def test_faulty_header_is_named_by_place_and_never_shown(text: str) -> None:
    with pytest.raises(ValueError, match="entry 2") as caught:
        parse_headers(text)
    assert "s3cret" not in str(caught.value)


def test_secrets_of_a_destination_do_not_show_in_logs() -> None:
    url = "https://user:s3cret@backend.example.com:4318/v1/traces?key=s3cret"
    destination = Destination(name="d", url=url, headers={"authorization": "s3cret"})
    assert "s3cret" not in repr(destination)
    assert destination.address == "https://backend.example.com:4318/v1/traces"


def test_a_header_of_bytes_that_is_not_known_here_is_not_looked_at() -> None:
    entry = {"name": "g", "endpoint": "h:1", "protocol": "otlp-grpc", "headers": {"x-key-bin": "${sealed:abc}"}}
    reader = EntryReader(str, here=False)
    assert reader.read(entry) is not None, reader.problems
