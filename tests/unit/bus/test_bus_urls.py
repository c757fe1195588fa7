"""What a bus URL may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmflow_bus import open_bus
from llmflow_bus.embedded import EmbeddedBus
from llmflow_bus.kafka import KafkaBus, KafkaOptions
from llmflow_core.errors import ConfigError


def test_a_plain_kafka_url_needs_only_servers() -> None:
    options = KafkaOptions.from_url("kafka://one:9092,two:9093")
    assert options.servers == ["one:9092", "two:9093"]
    assert options.connection() == {
        "bootstrap_servers": ["one:9092", "two:9093"],
        "client_id": "llmflow",
        "request_timeout_ms": 10_000,
        "metadata_max_age_ms": 30_000,
        "security_protocol": "PLAINTEXT",
        "ssl_context": None,
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": None,
        "sasl_plain_password": None,
    }


def test_credentials_and_options_reach_the_client() -> None:
    options = KafkaOptions.from_url(
        "kafka://me:p%40ss@broker:9092?security=SASL_SSL&mechanism=SCRAM-SHA-512&replication=3&partitions=12&compression=lz4"
    )
    connection = options.connection()
    assert connection["ssl_context"].check_hostname
    assert (connection["sasl_plain_username"], connection["sasl_plain_password"]) == ("me", "p@ss")
    assert (connection["security_protocol"], connection["sasl_mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (options.replication, options.partitions, options.compression) == (3, 12, "lz4")
    assert KafkaOptions.from_url("kafka://me:p@broker:9092").security == "SASL_PLAINTEXT"
    assert "p@ss" not in repr(options)


@pytest.mark.parametrize(
    ("url", "problems"),
    [
        ("kafka://", ["servers"]),
        ("kafka://[::1", ["this is no URL"]),
        ("kafka://one:9092,two:99999", ["servers: a server is host:port"]),
        ("kafka://me:pass/word@b:9092", ["servers: a server is host:port"]),
        ("kafka://[::1]:port", ["servers: a server is host:port"]),
        ("kafka://one:,two", ["servers: a server is host:port"]),
        ("kafka://b:9092?partitions=none&colour=red", ["partitions", "unknown option 'colour'"]),
        ("kafka://b:9092?security=SASL_SSL", ["exactly when the URL has a user"]),
        ("kafka://b:9092?security=SSL&ca_file=/no/such/file", ["ca_file: no such file: /no/such/file"]),
        ("embedded://relative/folder", ["absolute folder"]),
        ("embedded:///", ["absolute folder"]),
        ("embedded:///log?retention_hours=-1&retention_bytes=many", ["retention_hours", "retention_bytes"]),
        ("redis://localhost", ["unknown scheme 'redis'"]),
    ],
)
def test_every_mistake_is_named(url: str, problems: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        open_bus(url)
    for problem in problems:
        assert problem in str(caught.value)
    assert len(caught.value.problems) == len(problems)


def test_an_error_never_shows_the_password() -> None:
    with pytest.raises(ConfigError) as caught:
        open_bus("kafka://me:sesame@b:9092?security=PLAINTEXT&timeout=soon")
    assert "sesame" not in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        open_bus("kafka://me:sesame/@b:9092")
    assert "sesame" not in str(caught.value)


def test_open_bus_chooses_the_adapter_and_touches_nothing(tmp_path: Path) -> None:
    assert isinstance(open_bus("kafka://localhost:9092"), KafkaBus)
    assert isinstance(open_bus(f"embedded://{tmp_path}/a%20b"), EmbeddedBus)
    assert list(tmp_path.iterdir()) == []
