"""The servers that other tests rely on: they answer, survive being killed, and keep databases apart."""

from __future__ import annotations

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer  # type: ignore[import-untyped]
from aiokafka.structs import TopicPartition  # type: ignore[import-untyped]

from llmflow_testkit.clusters import RunningKafka, RunningPostgres
from llmflow_testkit.polling import eventually


async def test_a_database_is_empty_and_its_owners(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
        await connection.execute("CREATE TABLE public.left_behind (id int)")
        assert await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
    finally:
        await connection.close()


async def test_a_second_database_does_not_see_the_first(database_url: str) -> None:
    await test_a_database_is_empty_and_its_owners(database_url)


@pytest.mark.timescaledb
async def test_timescaledb_makes_hypertables(timescaledb_url: str) -> None:
    connection = await asyncpg.connect(timescaledb_url)
    try:
        await connection.execute("CREATE EXTENSION timescaledb")
        await connection.execute("CREATE TABLE sample (at timestamptz NOT NULL)")
        await connection.execute("SELECT create_hypertable('sample', by_range('at'))")
        assert await connection.fetchval("SELECT count(*) FROM timescaledb_information.hypertables") == 1
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "fixture", ["own_embedded_postgres", pytest.param("own_timescaledb", marks=pytest.mark.timescaledb)]
)
async def test_a_killed_database_comes_back_with_its_rows(fixture: str, request: pytest.FixtureRequest) -> None:
    server: RunningPostgres = request.getfixturevalue(fixture)
    connection = await asyncpg.connect(server.url)
    await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    url, pid = server.url, server.pid
    server.kill()

    async def cut() -> bool:
        return connection.is_closed()

    # A backend goes once it sees that its server has gone; asking it meanwhile would leave the client half in a query.
    await eventually(cut, within=60)
    server.start()
    assert (server.url, server.pid != pid) == (url, True)
    connection = await asyncpg.connect(server.url)
    try:
        assert await connection.fetchval("SELECT answer FROM kept") == 42
    finally:
        await connection.close()


@pytest.mark.kafka
async def test_a_killed_broker_comes_back_with_its_records(own_kafka: RunningKafka) -> None:
    address = own_kafka.url.removeprefix("kafka://")
    async with AIOKafkaProducer(bootstrap_servers=address, acks="all") as producer:
        await producer.send_and_wait("kept", b"record")
    own_kafka.kill()
    own_kafka.start()
    assert own_kafka.url == f"kafka://{address}"
    consumer = AIOKafkaConsumer(bootstrap_servers=address, group_id=None, auto_offset_reset="earliest")
    consumer.assign([TopicPartition("kept", 0)])
    async with consumer:
        assert (await consumer.getone()).value == b"record"
