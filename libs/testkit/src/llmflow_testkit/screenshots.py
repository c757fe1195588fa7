"""Pictures of every page, of a real LLMFlow with demo traffic: `python -m llmflow_testkit.screenshots` (make
screenshots). All go to .screenshots, in both themes and as on a phone; the README's ones also to docs/screenshots."""

from __future__ import annotations

import base64
import os
import re
import shutil
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

import llmflow
from llmflow_testkit.chromium import FLAGS, find_chromium
from llmflow_testkit.clusters import create_database, start_embedded_postgres
from llmflow_testkit.clusters.leftovers import run_folder
from llmflow_testkit.demo import demo_stack
from llmflow_testkit.pages import PHONE
from llmflow_testkit.stack import PASSWORD, USERNAME, Stack

_ROOT = Path(__file__).parents[4]
_ALL = _ROOT / ".screenshots"
_SHOWN = _ROOT / "docs/screenshots"
#: What the README shows: each at most 200 KB.
_OF_README = ("overview-light", "trace-dark", "traces-light")
_THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_DESK: ViewportSize = {"width": 1440, "height": 900}
_TRACES = 160
_QUALITY = 82


def _take(page: Page, name: str) -> None:
    """The page as it stands, once nothing loads any more, as WebP."""
    expect(page.get_by_role("heading", level=1).first).to_be_visible()
    expect(page.get_by_text(re.compile("^(Loading|Connecting)"))).to_have_count(0)
    page.wait_for_load_state("load")
    session = page.context.new_cdp_session(page)
    picture = session.send("Page.captureScreenshot", {"format": "webp", "quality": _QUALITY})
    session.detach()
    (_ALL / f"{name}.webp").write_bytes(base64.b64decode(picture["data"]))


def _addresses(page: Page, url: str) -> dict[str, str]:
    """Every page by name: those of the navigation, and one of each that a list leads to."""
    page.goto(f"{url}/traces?project=demo&filter=type:agent")
    first_trace = page.get_by_role("table", name="Traces").get_by_role("link").first
    expect(first_trace).to_be_visible()
    found = {"start": "/start?project=demo", "trace": str(first_trace.get_attribute("href"))}
    for link in page.get_by_role("navigation", name="Main").get_by_role("link").all():
        found[(link.inner_text()).lower().replace(" ", "-")] = str(link.get_attribute("href"))
    page.goto(f"{url}/sessions?project=demo")
    found["session"] = str(page.get_by_role("rowheader").get_by_role("link").first.get_attribute("href"))
    return found


def _take_all(browser: Browser, stack: Stack) -> None:
    url = stack.url("query-api")
    page = browser.new_page(viewport=_DESK)
    page.goto(f"{url}/login")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    for theme in _THEMES:
        page.emulate_media(color_scheme=theme)
        _take(page, f"login-{theme}")
    page.request.post(f"{url}/api/v1/login", data={"username": USERNAME, "password": PASSWORD})
    for name, address in (_addresses(page, url)).items():
        page.set_viewport_size(_DESK)
        page.goto(url + address)
        if name == "trace":
            page.get_by_role("treegrid", name="Span tree").get_by_role("row").nth(1).click()
        for theme in _THEMES:
            page.emulate_media(color_scheme=theme)
            _take(page, f"{name}-{theme}")
        page.set_viewport_size(PHONE)
        _take(page, f"{name}-phone")


def _main() -> None:
    page_dir = Path(os.environ.get("LLMFLOW_FRONTEND_DIR") or Path(llmflow.__file__).parent / "page")
    shutil.rmtree(_ALL, ignore_errors=True)
    _ALL.mkdir()
    expect.set_options(timeout=30_000)
    with run_folder() as folder, start_embedded_postgres(folder / "postgres") as server:
        (folder / "demo").mkdir()
        database_url = create_database(server.url)
        with (
            demo_stack(folder / "demo", database_url=database_url, page_dir=page_dir, traces=_TRACES) as stack,
            sync_playwright() as playwright,
            playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS)) as browser,
        ):
            _take_all(browser, stack)
    _SHOWN.mkdir(exist_ok=True)
    for name in _OF_README:
        shutil.copy(_ALL / f"{name}.webp", _SHOWN)


if __name__ == "__main__":
    _main()
