"""A dead letter that is published again is for the group that had refused it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from llmflow_bus import Message, open_bus, topics
from llmflow_bus.dead_letters import SOURCE_HEADER
from llmflow_exporter.app import run
from llmflow_exporter.settings import ExporterSettings
from llmflow_testkit.otlp_receiver import OtlpReceiver
from llmflow_testkit.otlp_requests import otlp_request
from llmflow_testkit.polling import eventually

GROUP = "llmflow-exporter-default"


async def test_other_destinations_do_not_get_it_again(tmp_path: Path) -> None:
    bus_url = f"embedded://{tmp_path}/log"
    bus = open_bus(bus_url)
    producer = await bus.producer()
    sources = [GROUP, "llmflow-exporter-other", None, "llmflow-writer"]
    for number, source in enumerate(sources, 1):
        value = otlp_request([number]).SerializeToString()
        headers = {SOURCE_HEADER: source} if source else {}
        await producer.publish(topics.SPANS, [Message(value, headers=headers)])

    stop = asyncio.Event()
    with OtlpReceiver() as receiver:
        settings = ExporterSettings(
            bus_url=bus_url, otlp_export_enabled=True, otlp_export_endpoint=receiver.url, health_port=0
        )
        task = asyncio.create_task(run(settings, stop))

        async def taken() -> bool:
            return len(receiver.span_ids) >= 2

        await eventually(taken, within=60)
        stop.set()
        await asyncio.wait_for(task, 60)
        assert [int.from_bytes(span_id) for span_id in receiver.span_ids] == [1, 3]
    consumer = await bus.consumer(GROUP, [topics.SPANS])
    assert not (await consumer.poll(max_records=9, timeout=0)).records, "what is for others is done with"
    await bus.close()
