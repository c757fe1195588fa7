"""What goes wrong around a command is said in a line, and nothing is done that was not meant."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import httpx
import pytest

from llmflow import analytics_commands, cli
from llmflow.__main__ import main
from llmflow.api import Api, ApiError
from llmflow.command_settings import CommandSettings
from llmflow.export_commands import _written
from llmflow_core.config import load_settings
from llmflow_core.errors import ConfigError, LLMFlowError
from llmflow_testkit.commands import run_llmflow


def _api(answer: httpx.Response) -> tuple[Api, list[httpx.Request]]:
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer

    return Api(httpx.Client(base_url="http://llmflow.test", transport=httpx.MockTransport(handle))), asked


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../.."])
def test_a_name_is_never_another_path(name: str) -> None:
    """`keys/..` is the project: to revoke a key of that name would delete it."""
    api, asked = _api(httpx.Response(204))
    with pytest.raises(ApiError, match="nothing called") as refused:
        api.request("DELETE", "projects", "shop", "keys", name)
    assert refused.value.status == 400
    assert asked == []


@pytest.mark.parametrize("text", ["\udcff", "x" * 100_000])
def test_what_no_request_can_carry_is_refused(text: str) -> None:
    with pytest.raises(ApiError, match="cannot be sent") as refused:
        _api(httpx.Response(200))[0].get("traces", filter=text)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, html="<html></html>"),
        httpx.Response(200, json=[1]),
        httpx.Response(200, json={}),
        httpx.Response(200, text="null"),
        httpx.Response(302, headers={"location": "/login"}),
        httpx.Response(404, text="no such page"),
        httpx.Response(405, json={"detail": "Method Not Allowed"}),
    ],
)
def test_what_is_not_the_api_is_told_so(answer: httpx.Response) -> None:
    with pytest.raises(LLMFlowError, match="check LLMFLOW_API_URL"):
        _api(answer)[0].get("traces")


def test_an_answer_without_what_a_command_looks_for_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[dict[str, object]] = [{}, {"data": []}, {"groups": [{}], "total": {}}]
    for answer in answers:
        api, _ = _api(httpx.Response(200, json=answer))
        monkeypatch.setattr(analytics_commands, "open_api", lambda api=api: nullcontext(api))
        ended = run_llmflow("analytics", "cost")
        assert (ended.exit_code, len(ended.stderr.splitlines())) == (1, 1)
        assert ended.stderr.startswith("llmflow: http://llmflow.test")
        assert "check LLMFLOW_API_URL" in ended.stderr


def test_ctrl_c_while_the_command_is_loaded_says_nothing() -> None:
    code = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "llmflow.cli":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
from llmflow.__main__ import main
main()
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")


def test_ctrl_c_while_the_command_begins_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "app", interrupt)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(("folder", "reason"), [("", "must name a folder"), ("~no-such-user/x", "nobody's home")])
def test_a_data_folder_that_is_none(monkeypatch: pytest.MonkeyPatch, folder: str, reason: str) -> None:
    """Of an empty one, the folder that the shell was in was made."""
    for command in (("demo", "--remove"), ("up", "--host", "")):
        ended = run_llmflow(*command, "--data-dir", folder)
        assert ended.exit_code == 2
        assert reason in ended.stderr
    if folder:
        monkeypatch.setenv("LLMFLOW_DATA_DIR", folder)
        with pytest.raises(ConfigError, match=reason):
            load_settings(CommandSettings)


def test_every_command_knows_what_a_tilde_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LLMFLOW_DATA_DIR", "~/llmflow")
    assert load_settings(CommandSettings).data_dir == tmp_path / "llmflow"
    assert f"no LLMFlow runs on {tmp_path}/llmflow:" in run_llmflow("demo", "--remove").stderr


def test_an_address_with_a_password_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was shown whenever something failed."""
    monkeypatch.setenv("LLMFLOW_API_URL", "http://user:secret@localhost:9/")
    for command in (("traces",), ("doctor",)):
        ended = run_llmflow(*command)
        assert ended.exit_code == 1
        assert "LLMFLOW_API_URL: must not say who asks" in ended.output
        assert "secret" not in ended.output


def test_a_stream_of_another_kind_is_not_the_api(tmp_path: Path) -> None:
    api, _ = _api(httpx.Response(200, html="<html></html>"))
    with pytest.raises(LLMFlowError, match="is not LLMFlow's API"), api.stream("GET", "export", "spans", kind="csv"):
        pass


def test_output_that_cannot_be_written_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "llmflow", "--version"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (ended.returncode, ended.stderr) == (1, "llmflow: [Errno 28] No space left on device\n")


def test_a_stream_that_was_closed_is_there_for_the_services_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    cli._open_what_is_closed()
    with sys.stdout as stream:
        assert os.get_inheritable(stream.fileno())
        stream.write("nowhere")


def test_a_file_is_replaced_once_whole_and_a_link_stays_one(tmp_path: Path) -> None:
    file, link = tmp_path / "spans.csv", tmp_path / "newest.csv"
    file.write_text("old")
    link.symlink_to(file)
    with _written(link) as written:
        written.write(b"new")
        assert file.read_text() == "old"
    assert file.read_text() == "new"
    assert link.is_symlink()
    assert sorted(tmp_path.iterdir()) == [link, file]


def test_what_is_no_file_is_written_to_and_stays(tmp_path: Path) -> None:
    """Like /dev/null, whose place a file took."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDWR)
    try:
        with _written(pipe) as written:
            written.write(b"rows")
        assert os.read(reader, 10) == b"rows"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_pipe_without_a_name_is_written_to() -> None:
    """Like /dev/stdout before another program, or what a shell makes of >(gzip)."""
    reader, writer = os.pipe()
    try:
        with _written(Path(f"/dev/fd/{writer}")) as written:
            written.write(b"rows")
        assert os.read(reader, 10) == b"rows"
    finally:
        os.close(reader)
        os.close(writer)


def test_a_name_that_cannot_be_a_files_is_told(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with _written(tmp_path / "loop") as written:
        written.write(b"rows")
    assert (tmp_path / "loop").read_bytes() == b"rows"
    for name in ("x" * 254, "x" * 300, "file/below"):
        with pytest.raises(LLMFlowError, match=f"{name} cannot be written"), _written(tmp_path / name):
            pass
