"""What receivers of notices may answer, and where notices can be sent at all."""

from __future__ import annotations

from typing import Any, cast

import httpx
import pytest

from llmflow_core.errors import Rejected
from llmflow_core.url_guard import PUBLIC, UrlGuard
from llmflow_query_api.alerting.channels import Address
from llmflow_query_api.alerting.sending import Sender


def sender(answer: httpx.Response | None = None) -> Sender:
    """One whose receivers all answer so."""
    made = Sender(UrlGuard([PUBLIC], setting="LLMFLOW_WEBHOOK_ALLOW", field="url"))
    if answer is not None:
        cast(Any, made)._client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer))
    return made


@pytest.mark.parametrize(
    ("header", "seconds"), [(b"7", 7.0), (b"\xb2", None), (b"soon", None), (b"Wed, 21 Oct 2015 07:28:00 +9999", None)]
)
async def test_the_pause_that_a_receiver_asks_for(header: bytes, seconds: float | None) -> None:
    async with sender(httpx.Response(503, headers=[(b"Retry-After", header)])) as sending:
        attempt, asked = await sending.send(Address("http://8.8.8.8/hook", None), "webhook", "evt_1", {})
    assert (attempt.delivered, attempt.http_status, asked) == (False, 503, seconds)


@pytest.mark.parametrize("host", ["a..b", f"{'x' * 64}.com", "xn--"])
async def test_a_host_that_nobody_can_look_up(host: str) -> None:
    async with sender() as sending:
        with pytest.raises(Rejected, match="url: must be"):
            sending.checked(f"http://{host}/hook")
        attempt, _ = await sending.send(Address(f"http://{host}/hook", None), "webhook", "evt_1", {})
    assert (attempt.delivered, attempt.error) == (False, "url: must be an http or https URL without credentials")
