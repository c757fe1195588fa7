"""The real servers that tests run against: Kafka, TimescaleDB, and PostgreSQL as the one-machine set embeds it.

`python -m llmflow_testkit.prepare` downloads what the first test would otherwise wait for.
"""

from llmflow_testkit.clusters.cache import BackendMissing
from llmflow_testkit.clusters.kafka import RunningKafka, prepare_kafka, start_kafka
from llmflow_testkit.clusters.postgres import (
    RunningPostgres,
    close_database,
    create_database,
    drop_database,
    migrate_now,
    start_embedded_postgres,
)
from llmflow_testkit.clusters.timescaledb import prepare_timescaledb, start_timescaledb

__all__ = [
    "BackendMissing",
    "RunningKafka",
    "RunningPostgres",
    "close_database",
    "create_database",
    "drop_database",
    "migrate_now",
    "prepare_kafka",
    "prepare_timescaledb",
    "start_embedded_postgres",
    "start_kafka",
    "start_timescaledb",
]
