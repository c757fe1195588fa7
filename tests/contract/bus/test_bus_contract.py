"""Both logs keep the port's promises."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from llmflow_testkit.bus_contract import BusContract, Outage
from llmflow_testkit.clusters import RunningKafka
from llmflow_testkit.ports import free_port


@dataclass
class MissingFolder:
    """An embedded log whose folder goes away, as a disk that is unmounted does."""

    folder: Path

    @property
    def url(self) -> str:
        return f"embedded://{self.folder}"

    def begin(self) -> None:
        self.folder.rename(self.folder.with_suffix(".away"))

    def end(self) -> None:
        self.folder.with_suffix(".away").rename(self.folder)


@dataclass
class StoppedBroker:
    """A Kafka broker that is killed and started again."""

    broker: RunningKafka

    @property
    def url(self) -> str:
        return self.broker.url

    def begin(self) -> None:
        self.broker.kill()

    def end(self) -> None:
        self.broker.start()


class TestBus(BusContract):
    @pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
    def outage(self, request: pytest.FixtureRequest, tmp_path: Path) -> Outage:
        if request.param == "embedded":
            return MissingFolder(tmp_path / "log")
        return StoppedBroker(request.getfixturevalue("own_kafka"))

    @pytest.fixture(params=["embedded", "kafka"])
    def unreachable_url(self, request: pytest.FixtureRequest, tmp_path: Path) -> str:
        if request.param == "kafka":
            return f"kafka://127.0.0.1:{free_port()}?timeout=2"
        in_the_way = tmp_path / "file"
        in_the_way.touch()
        return f"embedded://{in_the_way}/log"
