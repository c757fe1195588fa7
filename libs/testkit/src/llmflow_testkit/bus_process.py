"""A process that publishes or consumes until it is killed.

`python -m llmflow_testkit.bus_process publish URL TOPIC NAME` prints a message's value once the log has acknowledged
it; the values are NAME and a number. `… consume URL TOPIC NAME` joins the group NAME and prints the value of every
record that it reads; it never commits.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from llmflow_bus import Message, open_bus
from llmflow_core.errors import Retryable


@asynccontextmanager
async def bus_process(action: str, url: str, topic: str, name: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process, with its standard output as a pipe; killed with SIGKILL at the end, if not before."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, action, url, topic, name, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        # Reads to the end of the pipe as well, which closes it.
        await process.communicate()


async def _publish(url: str, topic: str, name: str) -> None:
    producer = await open_bus(url).producer()
    number = 0
    while True:
        values = [f"{name}-{number + n}" for n in range(8)]
        number += len(values)
        with suppress(Retryable):  # others may keep the log locked for long
            await asyncio.gather(*(producer.publish(topic, [Message(value.encode())]) for value in values))
            print(*values, sep="\n", flush=True)


async def _consume(url: str, topic: str, name: str) -> None:
    consumer = await open_bus(url).consumer(name, [topic])
    while True:
        for record in (await consumer.poll(max_records=100, timeout=1)).records:
            print(record.value.decode(), flush=True)


if __name__ == "__main__":
    asyncio.run({"publish": _publish, "consume": _consume}[sys.argv[1]](*sys.argv[2:]))
