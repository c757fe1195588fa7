"""Schemathesis over the whole OpenAPI document, on a real database: no answer is a server error, and every one has a
status, a media type and a body that the document promises.

`LLMFLOW_FUZZ_EXAMPLES` (3) is how many requests are made up for an operation, and as many again that break its rules.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok

from llmflow_core.coding_tools import EventKind
from llmflow_core.spans import Score
from llmflow_query_api.app import create_app
from llmflow_query_api.openapi import document
from llmflow_query_api.settings import QueryApiSettings
from llmflow_store import Store, open_store
from llmflow_store.administration import Actor
from llmflow_testkit.serving import serving
from llmflow_testkit.signals import make_coding_log, make_log, make_point
from llmflow_testkit.spans import NOON_NS, make_generation, make_span

USER = ("llmflow", "a long password")
EXAMPLES = int(os.environ.get("LLMFLOW_FUZZ_EXAMPLES", "3"))
CHECKED = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
#: Failed logins slow every later one from the same address, so these come last.
LOGIN = ("login", "logout")
SECOND = 1_000_000_000


async def fill(store: Store) -> dict[str, str]:
    """A project with something of every kind, all of the last minutes; the path parameters that name it."""
    now = time.time_ns()
    root = make_span(name="answer", service="shop", kind=2, start_time_ns=now - 60 * SECOND, observation_type="agent")
    common: dict[str, Any] = {"trace_id": root.trace_id, "parent_span_id": root.span_id}
    score = Score(name="helpfulness", value=0.5, label="fair", comment="so so", time_ns=now)
    generation = make_generation(start_time_ns=now - 59 * SECOND, scores=[score], **common)
    failed = make_span(
        name="look up",
        status="error",
        observation_type="tool",
        start_time_ns=now - 58 * SECOND,
        error_type="x",
        **common,
    )
    unpriced = make_generation(cost=None, model="unheard-of", start_time_ns=now - 30 * SECOND, user_id="bob")
    await store.write_spans([root, generation, failed, unpriced])
    await store.write_logs([make_log(time_ns=now), make_coding_log(EventKind.REQUEST, time_ns=now)])
    await store.write_metrics([make_point(3.0, at=(now - NOON_NS) / 1e9)])
    await store.create_project("shop", title="The shop", by=Actor("test"))
    return {
        "trace_id": root.trace_id.hex(),
        "span_id": generation.span_id.hex(),
        "session_id": "s-1",
        "user_id": "ada",
        "project": "default",
    }


def cases_of(operation: Any, known: dict[str, str]) -> Iterator[Any]:
    """The strategies: what is there, what the rules allow, what they forbid."""
    names = {parameter.name for parameter in operation.path_parameters}
    if names & known.keys():
        found = {name: known[name] for name in names & known.keys()}
        yield operation.as_strategy(GenerationMode.POSITIVE, path_parameters=found)
    yield operation.as_strategy(GenerationMode.POSITIVE)
    yield operation.as_strategy(GenerationMode.NEGATIVE)


def faults_of(url: str, operation: Any, known: dict[str, str]) -> Iterator[str]:
    """What is wrong with the answers of one operation."""
    checks: Any = [CHECKS.get_one(name) for name in CHECKED]
    for strategy in cases_of(operation, known):

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy)
        def ask(case: Case[Any]) -> None:
            answer = case.call(url, auth=USER, timeout=60)
            case.validate_response(answer, checks=checks)

        try:
            ask()
        except Unsatisfiable:
            # An operation without parameters has no rules to break.
            continue
        except (Exception, FailureGroup) as fault:
            yield f"{operation.label}: {fault}"


@pytest.mark.timeout(600)
async def test_every_answer_is_documented(migrated_embedded_url: str) -> None:
    store = open_store(migrated_embedded_url)
    known = await fill(store)
    app = create_app(QueryApiSettings(auth_password=USER[1], host="127.0.0.1"), store=store)
    load_all_checks()
    async with serving(app) as url:
        schema = schemathesis.openapi.from_dict(json.loads(document()))
        operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
        assert len(operations) == sum(len(path) for path in schema.raw_schema["paths"].values())
        asked = [operation for operation in operations if not streams(operation)]
        asked.sort(key=lambda found: (found.definition.raw["operationId"] in LOGIN, found.method == "delete"))

        def ask_all() -> list[str]:
            return [fault for operation in asked for fault in faults_of(url, operation, known)]

        faults = await asyncio.to_thread(ask_all)
    assert not faults, "\n\n".join(faults)


def streams(operation: Any) -> bool:
    """Whether an operation's answer does not end by itself."""
    return any(
        "text/event-stream" in answer.get("content", {}) for answer in operation.definition.raw["responses"].values()
    )
