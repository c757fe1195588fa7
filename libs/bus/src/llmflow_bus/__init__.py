"""The message log: one port, Kafka and an embedded log behind it."""

from llmflow_bus.port import Batch, Bus, Consumer, Message, Producer, Record, StartAt

__all__ = ["Batch", "Bus", "Consumer", "Message", "Producer", "Record", "StartAt", "open_bus"]


def open_bus(url: str) -> Bus:
    """The bus that `url` names.

    `kafka://host:9092,host2:9092` (with `?security=…` options documented in `llmflow_bus.kafka`) is a Kafka cluster;
    `embedded:///absolute/folder` is the log of one machine, in files below that folder. The adapter is imported only
    when asked for, so that nobody pays for the other one. Raises ConfigError for any other URL.
    """
    from llmflow_core.errors import ConfigError

    scheme = url.partition(":")[0]
    if scheme == "kafka":
        from llmflow_bus.kafka import KafkaBus

        return KafkaBus.from_url(url)
    if scheme == "embedded":
        from llmflow_bus.embedded import EmbeddedBus

        return EmbeddedBus.from_url(url)
    raise ConfigError([f"LLMFLOW_BUS_URL: unknown scheme {scheme!r} (for example kafka://localhost:9092)"])
