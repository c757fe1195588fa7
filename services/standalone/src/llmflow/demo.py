"""`llmflow demo`: sample traffic, made from a seed and sent through the ingest service like anybody's.

It goes to a project of its own, so that it mixes with no real figures and can be removed whole, and every resource says
`llmflow.demo`. The conversations are made up; models, prices, token counts and timings are of a realistic size.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans

from llmflow.demo_scenarios import SCENARIOS, Recorder
from llmflow.reaching import proxies_apply
from llmflow_core.errors import LLMFlowError
from llmflow_core.otlp import key_values

PROJECT = "demo"
_TRACES_PER_REQUEST = 20


async def send(ingest_url: str, *, traces: int, hours: float, seed: int) -> int:
    """Send `traces` traces that began within the last `hours` to `ingest_url`; return how many spans they had.

    Raises LLMFlowError when the ingest service is away or refuses them.
    """
    spans = 0
    headers = {"content-type": "application/x-protobuf", "x-llmflow-project": PROJECT}
    async with httpx.AsyncClient(timeout=30, headers=headers, trust_env=proxies_apply(ingest_url)) as client:
        for request in requests(traces=traces, hours=hours, seed=seed, now_ns=time.time_ns()):
            try:
                response = await client.post(f"{ingest_url}/v1/traces", content=request.SerializeToString())
                response.raise_for_status()
            except httpx.HTTPError as error:
                raise LLMFlowError(f"{ingest_url} did not take the sample traffic: {error}") from error
            spans += sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)
    return spans


def requests(*, traces: int, hours: float, seed: int, now_ns: int) -> Iterator[ExportTraceServiceRequest]:
    """The sample traffic as export requests, oldest first; the last trace ends just before `now_ns`."""
    rng = random.Random(seed)  # noqa: S311 - sample data
    span_ns = int(hours * 3600e9)
    ages = sorted((rng.randrange(span_ns) for _ in range(traces)), reverse=True)
    for first in range(0, traces, _TRACES_PER_REQUEST):
        yield ExportTraceServiceRequest(
            resource_spans=[_trace(rng, now_ns, age) for age in ages[first : first + _TRACES_PER_REQUEST]]
        )


def _trace(rng: random.Random, now_ns: int, age_ns: int) -> ResourceSpans:
    service, scenario = rng.choices([(s.service, s.play) for s in SCENARIOS], [s.weight for s in SCENARIOS])[0]
    recorder = Recorder(rng, now_ns - age_ns)
    scenario(recorder)
    recorder.end_before(now_ns)
    resource = {
        "service.name": service,
        "service.version": rng.choice(("1.4.0", "1.4.1")),
        "deployment.environment.name": rng.choices(("production", "staging"), (9, 1))[0],
        "llmflow.demo": True,
    }
    return ResourceSpans(
        resource=Resource(attributes=key_values(resource)),
        scope_spans=[ScopeSpans(scope=InstrumentationScope(name="llmflow.demo"), spans=recorder.spans)],
    )


async def remove(database_url: str) -> int:
    """Delete the demo project with all that is in it; return how many spans it had."""
    from llmflow_store import open_store
    from llmflow_store.administration import Actor

    store = open_store(database_url, min_size=1, max_size=1)
    try:
        return await store.delete_project(PROJECT, by=Actor("llmflow demo --remove"))
    finally:
        await store.close()
