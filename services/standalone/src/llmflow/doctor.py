"""`llmflow doctor`: whether everything that LLMFlow needs is there, and what to do where it is not."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from llmflow import formats
from llmflow.api import Api, ApiError, open_api
from llmflow.console import Json, print_json
from llmflow.instance import Where, default_data_dir, log_url, read_where
from llmflow.reaching import proxies_apply
from llmflow_core.errors import ConfigError, LLMFlowError

if TYPE_CHECKING:
    import httpx

    from llmflow.command_settings import CommandSettings
    from llmflow_core.config import Settings

app = typer.Typer()

PROJECT = "llmflow-doctor"
_LEAST_FREE_BYTES = 2 * 10**9
_MOST_CLOCK_SECONDS = 2.0
_ARRIVAL_SECONDS = 15.0
_LOOK_SECONDS = 0.1
_REQUEST_SECONDS = 5.0
_LOG_IN = "set LLMFLOW_API_KEY to a key that may read and ingest, or AUTH_USERNAME and AUTH_PASSWORD"
_SET_IT_RIGHT = "set it right, or unset it; see `llmflow settings`"


class Finding(NamedTuple):
    """What a check found about `subject`, and what to `do` about it; nothing when all is well."""

    subject: str
    found: str
    do: str = ""


@dataclass(frozen=True, slots=True)
class _Site:
    """The LLMFlow that is looked at: what the settings say, and where the one on this machine is, if one runs."""

    settings: CommandSettings
    data_dir: Path
    where: Where | None


@app.command("doctor")
def doctor(*, as_json: Json = False) -> None:
    """Check settings, services, log, database, disk, clocks and access, and send a test span all the way.

    \b
    Example:
      llmflow doctor
    """
    findings = []
    for finding in _findings():
        findings.append(finding)
        if not as_json:
            line = f"{'FIX' if finding.do else 'ok':4} {finding.subject:9} {finding.found}"
            print(formats.plain(line) + (f"\n               → {finding.do}" if finding.do else ""), flush=True)
    if as_json:
        print_json([finding._asdict() for finding in findings])
    if any(finding.do for finding in findings):
        raise typer.Exit(1)


def _findings() -> Iterator[Finding]:
    broken: set[str] = set()
    for subject, check in _CHECKS.items():
        if broken & _NEEDED.get(subject, set()):
            continue
        try:
            for finding in check():
                if finding.do:
                    broken.add(subject)
                yield finding
        except ConfigError as error:
            if "settings" not in broken:  # else it was found already
                broken.add(subject)
                yield from (Finding(subject, problem, _SET_IT_RIGHT) for problem in error.problems)
        except LLMFlowError as error:
            broken.add(subject)
            refused = isinstance(error, ApiError) and error.status in (401, 403)
            yield Finding(subject, str(error), _LOG_IN if refused else "see the log of the services")


def _site() -> _Site:
    from llmflow.command_settings import CommandSettings
    from llmflow_core.config import load_settings

    settings = load_settings(CommandSettings)
    data_dir = settings.data_dir or default_data_dir()
    return _Site(settings, data_dir, None if settings.api_url else read_where(data_dir))


def _check_settings() -> Iterator[Finding]:
    from llmflow.settings_reference import MODELS

    wrong = False
    for service, model in MODELS.items():
        try:
            _loaded(model)
        except ConfigError as error:
            wrong = True
            for problem in error.problems:
                yield Finding("settings", f"{service}: {problem}", _SET_IT_RIGHT)
    if not wrong:
        yield Finding("settings", "every variable that is set is right")


def _loaded(model: type[Settings]) -> Settings:
    """A service's settings as `llmflow up` gives them: on this machine alone unless told otherwise."""
    from llmflow_core.config import load_settings

    here = "host" in model.model_fields and not os.environ.get("LLMFLOW_HOST")
    return load_settings(model, **({"host": "127.0.0.1"} if here else {}))


def _check_services() -> Iterator[Finding]:
    import httpx

    site = _site()
    if site.where is None and site.settings.api_url is None:
        yield Finding("services", f"no LLMFlow runs on {site.data_dir}", "start it with `llmflow up`")
        yield from _check_ports()
        return
    addresses = {"API": str(site.settings.api_url)}
    if site.where is not None:
        addresses = {"API": site.where.page_url, "proxy": site.where.proxy_url, "ingest": site.where.ingest_url}
    for name, address in addresses.items():
        try:
            answer = httpx.get(
                f"{address.rstrip('/')}/readyz", timeout=_REQUEST_SECONDS, trust_env=proxies_apply(address)
            )
            problem = _problem(answer)
        except (httpx.HTTPError, LLMFlowError) as error:
            problem = f"does not answer: {error}"
        yield Finding(
            "services", f"{name} {address} {problem or 'is ready'}", problem and "see its log; start it again"
        )


def _problem(answer: httpx.Response) -> str:
    """What a service says is wrong with it."""
    if not answer.is_success:
        return f"is not ready: {answer.text[:300]}"
    try:
        problems = answer.json().get("problems", {}).items()
    except (ValueError, AttributeError):
        return "answers, but is no part of LLMFlow"
    return "; ".join(f"is ready, but {name}: {problem}" for name, problem in problems)[:300]


def _check_ports() -> Iterator[Finding]:
    from llmflow.settings_reference import MODELS
    from llmflow.up import obstacle
    from llmflow_core.config import variable_of

    for service, model in MODELS.items():
        settings = _loaded(model)
        for name in model.model_fields:
            port = getattr(settings, name)
            if name.endswith("port") and name != "health_port" and port:
                found = obstacle("127.0.0.1", port)
                do = f"end the program that uses it, or set {variable_of(model, name)}" if found else ""
                yield Finding("ports", f"{port}, for {service}, {found or 'is free'}", do)


def _check_log() -> Iterator[Finding]:
    import asyncio

    from llmflow_bus import open_bus, topics
    from llmflow_bus.dead_letters import read_letters

    site = _site()
    url = site.settings.bus_url or (log_url(site.data_dir) if site.where else None)
    if url is None:
        yield Finding("log", "not looked at: LLMFLOW_BUS_URL is not set, and no LLMFlow runs here")
        return

    bus = open_bus(url)

    async def look() -> tuple[int, list[str]] | None:
        try:
            if not await bus.healthy():
                return None
            return len(await read_letters(bus)), await bus.missing_topics(topics.ALL)
        finally:
            await bus.close()

    found = asyncio.run(look())
    if found is None:
        yield Finding("log", "does not answer", "start Kafka, or check LLMFLOW_BUS_URL")
        return
    letters, missing = found
    waiting = f"{letters} dead letters (`llmflow dead-letters list`)" if letters else "no dead letters"
    yield Finding("log", f"answers; {waiting}")
    if missing:
        yield Finding("log", f"has no topic {', '.join(missing)}", "start a writer that may make topics, or make them")
    for file in bus.damaged_files():
        yield Finding("log", f"was damaged by the disk once, see {file}", "check the disk, then remove the file")


def _check_database() -> Iterator[Finding]:
    import asyncio

    from llmflow_store.inspection import inspect_database

    site = _site()
    url = site.where.database_url if site.where else site.settings.database_url
    if not url:
        yield Finding("database", "not looked at: LLMFLOW_DATABASE_URL is not set, and no LLMFlow runs here")
        return
    try:
        facts = asyncio.run(inspect_database(url))
    except ConfigError:
        raise
    except LLMFlowError as error:
        yield Finding("database", str(error), "start PostgreSQL, or check LLMFLOW_DATABASE_URL")
        return
    extension = f"TimescaleDB {facts.timescaledb}" if facts.timescaledb else "no TimescaleDB (not needed)"
    size = f"{formats.count(round(facts.size_bytes / 1e6))} MB"
    behind = facts.schema_version < facts.needed_version
    yield Finding(
        "database",
        f"PostgreSQL {facts.server_version}, {extension}, schema {facts.schema_version}, {size}",
        f"schema {facts.needed_version} is needed: {_migration(site)}" if behind else "",
    )
    yield _clock("the database", facts.clock_ahead)


def _migration(site: _Site) -> str:
    return "end LLMFlow and start it again" if site.where else "run `python -m llmflow_store migrate`"


def _check_disk() -> Iterator[Finding]:
    data_dir = _site().data_dir.absolute()
    folder = next(folder for folder in (data_dir, *data_dir.parents) if folder.exists())
    free = shutil.disk_usage(folder).free
    full = free < _LEAST_FREE_BYTES
    yield Finding(
        "disk", f"{free / 1e9:,.1f} GB free in {folder}", "make room, or shorten the retention" if full else ""
    )


def _check_access() -> Iterator[Finding]:
    from email.utils import parsedate_to_datetime

    settings = _site().settings
    with open_api() as api:
        api.get("traces", limit=1)["traces"]  # raises when it is another's API
        before = time.time()
        with api.stream("GET", "traces", kind="json", limit=1) as answer:
            # A gateway may leave it out. It says whole seconds.
            if date := answer.headers.get("date"):
                now = parsedate_to_datetime(date).timestamp() + 0.5
                yield _clock("the API", now - (before + time.time()) / 2)
        who = "the API key in LLMFLOW_API_KEY" if settings.api_key else settings.auth_username
        yield Finding("access", f"{who} may read")


def _check_arrival() -> Iterator[Finding]:
    """Send a span as an application does, and wait until it can be read."""
    site = _site()
    with open_api() as api:
        project = None if site.settings.api_key else PROJECT
        trace_id, began = os.urandom(16), time.monotonic()
        _send_span(site, trace_id)
        arrived = _arrived(api, trace_id.hex(), project)
        seconds = time.monotonic() - began
        if project:
            _remove(api)
    if arrived:
        yield Finding("span", f"sent, stored and read back within {seconds:.1f} s")
    else:
        yield Finding("span", f"taken, but not to be read after {seconds:.0f} s", "see the log of the writer")


def _send_span(site: _Site, trace_id: bytes) -> None:
    import httpx

    now = time.time_ns()
    span = {
        "traceId": trace_id.hex(),
        "spanId": os.urandom(8).hex(),
        "name": "doctor",
        "startTimeUnixNano": str(now - 1000),
        "endTimeUnixNano": str(now),
    }
    headers = {"x-llmflow-project": PROJECT}
    if site.settings.api_key:
        headers = {"authorization": f"Bearer {site.settings.api_key.get_secret_value()}"}
    address = site.where.ingest_url if site.where else str(site.settings.api_url or "").rstrip("/")
    try:
        answer = httpx.post(
            f"{address}/v1/traces",
            json={"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]},
            headers=headers,
            timeout=_REQUEST_SECONDS,
            trust_env=proxies_apply(address),
        )
    except httpx.HTTPError as error:
        raise LLMFlowError(f"ingest at {address} does not answer: {error}") from error
    if not answer.is_success:
        raise ApiError(
            f"ingest at {address} answers {answer.status_code}: {answer.text[:300]}", status=answer.status_code
        )


def _arrived(api: Api, trace_id: str, project: str | None) -> bool:
    deadline = time.monotonic() + _ARRIVAL_SECONDS
    while time.monotonic() < deadline:
        try:
            api.get("traces", trace_id, project=project)
        except ApiError as error:
            if error.status != 404:
                raise
            time.sleep(_LOOK_SECONDS)
        else:
            return True
    return False


def _remove(api: Api) -> None:
    try:
        api.request("DELETE", "projects", PROJECT)
    except ApiError as error:
        if error.status != 404:
            raise


def _clock(whose: str, ahead: float) -> Finding:
    wrong = abs(ahead) > _MOST_CLOCK_SECONDS
    how = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's" if wrong else "right"
    return Finding("clocks", f"the clock of {whose} is {how}", "set both by NTP" if wrong else "")


#: By subject, in the order in which they are made.
_CHECKS: dict[str, Callable[[], Iterator[Finding]]] = {
    "settings": _check_settings,
    "services": _check_services,
    "log": _check_log,
    "database": _check_database,
    "disk": _check_disk,
    "access": _check_access,
    "span": _check_arrival,
}
#: What must be well for a check to say anything new.
_NEEDED = {
    "services": {"settings"},
    "log": {"settings"},
    "database": {"settings"},
    "access": {"settings", "services"},
    "span": {"settings", "services", "access"},
}
