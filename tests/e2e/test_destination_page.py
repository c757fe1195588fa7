"""Destinations on the page: added, tested, replayed to, paused, changed and removed, while an exporter runs."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from llmflow_testkit.otlp_receiver import OtlpReceiver
from llmflow_testkit.pages import assert_accessible
from llmflow_testkit.polling import eventually
from llmflow_testkit.service_process import service_process
from llmflow_testkit.stack import KEYS_TOKEN, SECRET_KEY, Stack

pytestmark = pytest.mark.browser


async def test_a_destination_from_its_beginning_to_its_end(
    demo: Stack, visitor: Page, page_problems: list[str]
) -> None:
    variables = {
        "LLMFLOW_BUS_URL": demo.bus_url,
        "LLMFLOW_KEYS_URL": demo.url("query-api"),
        "LLMFLOW_KEYS_TOKEN": KEYS_TOKEN,
        "LLMFLOW_SECRET_KEY": SECRET_KEY,
        "LLMFLOW_EXPORT_REFRESH_SECONDS": 0.3,
        "LLMFLOW_HEALTH_PORT": 0,
    }
    with OtlpReceiver() as receiver, service_process("llmflow_exporter", **variables):
        await visitor.goto(f"{demo.url('query-api')}/destinations?project=demo")
        await visitor.get_by_role("button", name="Add destination").click()
        form = visitor.get_by_role("form", name="New destination")
        await form.get_by_role("button", name=re.compile("Tool")).click()
        await visitor.get_by_role("option", name="phoenix").click()
        await expect(visitor).to_have_url(re.compile("preset=phoenix"))
        await expect(form.get_by_label("Name")).to_have_value("phoenix")
        await form.get_by_label("Endpoint").fill("not a URL")
        await form.get_by_label("api key").fill("s3cret-0123")
        await form.get_by_role("button", name="Add").click()
        await expect(visitor.get_by_role("alert")).to_contain_text("must be an http or https URL")
        assert "400" in page_problems.pop()
        await form.get_by_label("Endpoint").fill(receiver.url)
        await form.get_by_text("Which spans, and what of them").click()
        await form.get_by_role("button", name=re.compile("Begin")).click()
        await visitor.get_by_role("option", name=re.compile("from now on")).click()
        await assert_accessible(visitor)
        await form.get_by_role("button", name="Add").click()

        row = visitor.get_by_role("row", name=re.compile("^phoenix"))
        await expect(row).to_contain_text("well")
        await row.get_by_role("button", name="Test phoenix").click()
        await expect(visitor.get_by_text(re.compile("took the span"))).to_be_visible()
        assert receiver.requests[0].headers["authorization"] == "Bearer s3cret-0123"

        await row.get_by_role("button", name=re.compile("^Replay")).click()
        dialog = visitor.get_by_role("dialog")
        await expect(dialog).to_contain_text("Replay stored spans to phoenix")
        await assert_accessible(visitor)
        await dialog.get_by_role("button", name="Replay").click()
        await expect(visitor.get_by_text("all of it is sent")).to_be_visible()

        async def stored_spans() -> int:
            async with demo.api() as api:
                jobs = (await api.get("/api/v1/destinations/phoenix/jobs?kind=replay")).json()["jobs"]
            assert jobs[0]["project"] == "demo"
            sent: int = jobs[0]["sent"]
            return sent

        sent = await eventually(stored_spans, within=30)
        assert len(set(receiver.span_ids)) == sent + 1

        await row.get_by_role("button", name="Change phoenix").click()
        form = visitor.get_by_role("form", name="Destination phoenix")
        await expect(form.get_by_label("api key", exact=True)).to_have_attribute("placeholder", re.compile("^stored"))
        await form.get_by_label("Share of traces").fill("0.5")
        await form.get_by_text("Key and protocol").click()
        await form.get_by_role("button", name="Add header").click()
        await form.get_by_label("Header 1", exact=True).fill("x-team")
        await form.get_by_label("Value 1").fill("blue")
        await form.get_by_role("button", name="Save").click()
        await expect(form).to_have_count(0)
        await row.get_by_role("button", name="Test phoenix").click()

        async def with_header() -> bool:
            latest = receiver.requests[-1].headers
            return (latest.get("x-team"), latest["authorization"]) == ("blue", "Bearer s3cret-0123")

        await eventually(with_header, within=30)
        await row.get_by_role("button", name="Change phoenix").click()
        await form.get_by_role("button", name="Forget api key").click()
        await form.get_by_role("button", name="Remove header 1").click()
        await assert_accessible(visitor)
        await form.get_by_role("button", name="Save").click()
        await expect(form).to_have_count(0)
        await row.get_by_role("button", name="Pause phoenix").click()
        await expect(row).to_contain_text("paused")
        await assert_accessible(visitor)
        await row.get_by_role("button", name="Remove phoenix").click()
        await row.get_by_role("button", name="Really remove phoenix?").click()
        await expect(visitor.get_by_text("Spans stay here.")).to_be_visible()
