"""From OTLP in to OTLP out over a real Kafka."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from llmflow_exporter.app import run
from llmflow_exporter.settings import ExporterSettings
from llmflow_testkit.clusters import RunningKafka
from llmflow_testkit.otlp_receiver import Answer, OtlpReceiver
from llmflow_testkit.otlp_requests import otlp_request
from llmflow_testkit.polling import eventually
from llmflow_testkit.running_ingest import start_ingest


@pytest.mark.kafka
async def test_ingested_bytes_reach_the_destination(own_kafka: RunningKafka) -> None:
    bodies = [otlp_request([number]).SerializeToString() + b"\xba\x3e\x03new" for number in range(1, 31)]
    with OtlpReceiver() as receiver:
        receiver.script(Answer(503), Answer(), Answer(429))
        settings = ExporterSettings(
            bus_url=own_kafka.url,
            otlp_export_enabled=True,
            otlp_export_endpoint=receiver.url,
            export_retry_min=0.05,
            health_port=0,
        )
        stop = asyncio.Event()
        exporter = asyncio.create_task(run(settings, stop))
        async with start_ingest(own_kafka.url) as ingest, httpx.AsyncClient() as client:
            responses = await asyncio.gather(
                *(
                    client.post(
                        f"{ingest.url}/v1/traces", content=body, headers={"content-type": "application/x-protobuf"}
                    )
                    for body in bodies
                )
            )
            assert {response.status_code for response in responses} == {200}

        async def all_there() -> bool:
            return {int.from_bytes(span_id) for span_id in receiver.span_ids} == set(range(1, 31))

        await eventually(all_there, within=60)
        stop.set()
        await asyncio.wait_for(exporter, 60)
        assert len(receiver.span_ids) == 30
        assert sum(len(received.body) for received in receiver.taken) == sum(map(len, bodies))
        assert receiver.violations == []
