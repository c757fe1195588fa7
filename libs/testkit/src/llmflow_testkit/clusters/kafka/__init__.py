"""A real Kafka broker for tests: its jars come through Maven, one node in KRaft mode is broker and controller."""

from __future__ import annotations

import base64
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from llmflow_testkit.clusters.cache import built_once, require, run
from llmflow_testkit.ports import free_port

VERSION = "4.4.0"

_HERE = Path(__file__).parent
_START_SECONDS = 120.0
_STOP_SECONDS = 20.0
_ARCHIVE_SECONDS = 120.0
_JVM = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")


def prepare_kafka() -> None:
    """Get all that a broker needs; downloads Kafka's jars the first time (20 s, 40 MB) and starts a broker once.

    Raises BackendMissing without Java, or when they are not here yet and Maven is missing or cannot fetch them.
    """
    _classes(_jars())


def _jars() -> Path:
    require("java")
    return built_once(f"kafka-{VERSION}", _download)


def _download(folder: Path) -> None:
    require("mvn")
    options = ["-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
    run(["mvn", "-B", "-q", "-f", _HERE / "pom.xml", "dependency:copy-dependencies", *options])


class RunningKafka:
    """One broker with its data below `folder`. Data and ports stay the same over stop, kill and start.

    `jvm` are options for Java; without any it takes the classes that a former one has left.
    """

    def __init__(self, folder: Path, *, jvm: Sequence[str] = ()) -> None:
        self._jars = _jars()
        self._jvm = jvm or [f"-XX:SharedArchiveFile={_classes(self._jars)}"]
        self._folder = folder
        self._port = free_port()
        self._controller_port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        _write_properties(self._properties, folder / "data", port=self._port, controller_port=self._controller_port)
        shutil.copytree(_new_data(self._jars), folder / "data")

    @property
    def url(self) -> str:
        """What `open_bus` takes."""
        return f"kafka://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """The broker's process id."""
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def log_file(self) -> Path:
        """What the broker prints, over all its starts."""
        return self._folder / "kafka.log"

    def start(self) -> None:
        """Start the broker and return once it serves clients."""
        with self.log_file.open("ab") as log:
            begin = log.tell()
            self._process = subprocess.Popen(
                _java(self._jars, "kafka.Kafka", self._properties, jvm=self._jvm),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            (self._folder / "kafka.pid").write_text(str(self._process.pid))
            self._wait_until_ready(begin)
        except BaseException:
            self.kill()
            raise

    def stop(self, *, within: float = _STOP_SECONDS) -> None:
        """Shut down in good order (SIGTERM), killed after so many seconds; does nothing when the broker is down."""
        self._end(signal.SIGTERM, within)

    def kill(self) -> None:
        """End the broker as a crash would (SIGKILL); does nothing when it is down."""
        self._end(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _end(self, with_signal: signal.Signals, within: float = _STOP_SECONDS) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(with_signal)
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _wait_until_ready(self, begin: int) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _START_SECONDS
        while b"Kafka Server started" not in (output := self.log_file.read_bytes()[begin:]):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Kafka did not start:\n{output[-3000:].decode(errors='replace')}")
            time.sleep(0.05)

    @property
    def _properties(self) -> Path:
        return self._folder / "server.properties"


def _java(jars: Path, program: str, *arguments: str | Path, jvm: Sequence[str] = ()) -> list[str | Path]:
    logging = f"-Dlog4j2.configurationFile=file:{_HERE / 'log4j2.properties'}"
    return ["java", *_JVM, *jvm, logging, "-cp", f"{jars}/*", program, *arguments]


def _write_properties(properties: Path, data: Path, *, port: int, controller_port: int) -> None:
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(data),
        "num.partitions": "1",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.num.partitions": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        # A killed broker is let in again only when its former session has ended.
        "broker.heartbeat.interval.ms": "500",
        "broker.session.timeout.ms": "2000",
    }
    properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))


def _new_data(jars: Path) -> Path:
    """The data of a broker that has not run yet, to copy: to make it takes half as long as the broker's start."""

    def build(folder: Path) -> None:
        properties = folder / "server.properties"
        _write_properties(properties, folder / "data", port=9092, controller_port=9093)
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # As one word, because one id in 64 begins with a dash.
        run(_java(jars, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "-c", properties))
        properties.unlink()

    return built_once(f"kafka-{VERSION}-data", build) / "data"


def _classes(jars: Path) -> Path:
    """The classes of a started broker as this Java keeps them in memory: with them a start costs half the CPU time.

    Java does without them, and says so in the broker's log, where they are not those of its own version.
    """

    def build(folder: Path) -> None:
        with tempfile.TemporaryDirectory() as data:
            broker = RunningKafka(Path(data), jvm=[f"-XX:ArchiveClassesAtExit={folder / file}"])
            broker.start()
            broker.stop(within=_ARCHIVE_SECONDS)

    file = "classes.jsa"
    java = Path(shutil.which("java") or "java").resolve()
    return built_once(f"kafka-{VERSION}-classes-{java.stat().st_mtime_ns}", build) / file


def start_kafka(folder: Path) -> RunningKafka:
    """A started broker with its data below `folder`. Stop it, or use it as a context manager.

    Raises BackendMissing on a machine that cannot run one.
    """
    kafka = RunningKafka(folder)
    kafka.start()
    return kafka
