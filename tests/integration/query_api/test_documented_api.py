"""The commands of docs/api.md, as written but for the host and the key: each has an answer."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import time
from pathlib import Path

from llmflow_core.api_keys import ApiKey, Scope, digest_of, new_key
from llmflow_core.spans import DEFAULT_PROJECT
from llmflow_query_api.app import create_app
from llmflow_query_api.settings import QueryApiSettings
from llmflow_store import Store, open_store
from llmflow_store.administration import Actor
from llmflow_store.scores import ScoreQuery
from llmflow_testkit.missing import missing
from llmflow_testkit.serving import serving
from llmflow_testkit.spans import make_generation

PAGE = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
COMMANDS = re.findall(r"(?ms)^```sh\n(.*?)^```", PAGE)
HOST = "http://localhost:3000"
KEY_LINE = "export LLMFLOW_KEY=lf-sk-...\n"


async def key_of(store: Store) -> str:
    key, key_id = new_key()
    scopes: frozenset[Scope] = frozenset({"read", "write"})
    api_key = ApiKey(id=key_id, digest=digest_of(key), project=DEFAULT_PROJECT, scopes=scopes)
    assert await store.create_key(api_key, name="k", by=Actor("test"))
    return key


async def test_every_command_has_an_answer(migrated_embedded_url: str, tmp_path: Path) -> None:
    if not shutil.which("curl"):
        missing("not installed: curl")
    store = open_store(migrated_embedded_url)
    trace_id = bytes.fromhex("4bf92f3577b34da6a3ce929d0e0e4736")
    span = make_generation(
        trace_id=trace_id,
        span_id=bytes.fromhex("00f067aa0ba902b7"),
        start_time_ns=time.time_ns() - 10**9,
        status="error",
        user_id="ada",
    )
    await store.write_spans([span])
    environment = {**os.environ, "LLMFLOW_KEY": await key_of(store)}
    assert COMMANDS[0].count(KEY_LINE) == 1
    outputs = []
    async with serving(create_app(QueryApiSettings(host="127.0.0.1"), store=store)) as url:
        for block in COMMANDS:
            script = block.replace(KEY_LINE, "").replace(HOST, url)
            process = await asyncio.create_subprocess_exec(
                "sh",
                "-ec",
                script,
                cwd=tmp_path,
                env=environment,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            output, errors = await process.communicate()
            assert process.returncode == 0, (script, errors)
            outputs.append(output.decode())
        judged = await store.list_scores(ScoreQuery(project=DEFAULT_PROJECT, trace_id=trace_id))
    # Each of these is of the span above: found by the filters, shown on its own, counted, judged and exported.
    assert span.span_id.hex() in outputs[2]
    assert trace_id.hex() in outputs[1]
    assert '"gpt-4o"' in outputs[4]
    assert [score.name for score in judged.scores] == ["helpfulness"]
    assert span.span_id.hex() in (tmp_path / "spans.csv").read_text()
