"""The images' recipes, as far as they can be checked without a Docker engine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from llmflow_testkit.missing import missing

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "deploy" / "docker"
DOCKERFILES = sorted(DOCKER.glob("*.Dockerfile"))
SERVICES = ("proxy", "ingest", "writer", "exporter", "query-api")


def _logical_lines(dockerfile: Path) -> list[str]:
    text = re.sub(r"\\\n\s*", " ", dockerfile.read_text())
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _ignored(path: Path) -> bool:
    """Whether .dockerignore keeps `path` (relative to the root) out of a build: the last rule that matches decides."""
    ignored = False
    for rule in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = rule.removeprefix("!")
        if rule and not rule.startswith("#") and any(p.match(pattern) for p in (path, *path.parents) if p.name):
            ignored = not rule.startswith("!")
    return ignored


def _copied(dockerfile: Path) -> list[str]:
    copies = [line.split() for line in _logical_lines(dockerfile) if line.startswith("COPY ") and "--from=" not in line]
    return [source for copy in copies for source in copy[1:-1] if not source.startswith("--")]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_linter_has_nothing_to_say(dockerfile: Path) -> None:
    result = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), dockerfile], capture_output=True, text=True, timeout=60
    )
    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_everything_copied_is_in_the_build_context(dockerfile: Path) -> None:
    sources = _copied(dockerfile)
    assert sources
    assert [source for source in sources if not (ROOT / source).exists() or _ignored(Path(source))] == []


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_runs_as_an_ordinary_user(dockerfile: Path) -> None:
    lines = _logical_lines(dockerfile)
    final = lines[max(i for i, line in enumerate(lines) if line.startswith("FROM ")) :]
    users = [line.split()[1] for line in final if line.startswith("USER ")]
    if users:
        assert users[-1] == "10001:10001"
    else:
        assert final[0].startswith("FROM nginxinc/nginx-unprivileged:")


def test_tools_have_the_versions_of_the_makefile() -> None:
    makefile = dict(re.findall(r"^(\w+_VERSION) := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert f"ARG UV_VERSION={makefile['UV_VERSION']}" in _logical_lines(DOCKER / "service.Dockerfile")
    assert f"FROM node:{makefile['NODE_VERSION']}-bookworm-slim AS build" in _logical_lines(
        DOCKER / "frontend.Dockerfile"
    )


def test_images_have_the_python_that_the_tests_run_on() -> None:
    version = re.search(r"^ARG PYTHON_VERSION=(\d+\.\d+)", (DOCKER / "service.Dockerfile").read_text(), re.MULTILINE)
    assert version is not None
    oldest = re.search(r'^requires-python = ">=(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert oldest is not None
    assert version[1] == oldest[1]


@pytest.fixture(scope="module")
def build_context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the recipe finds in its working folder: the copies of the first stage."""
    context = tmp_path_factory.mktemp("context")
    for source in _copied(DOCKER / "service.Dockerfile"):
        if (ROOT / source).is_dir():
            shutil.copytree(
                ROOT / source,
                context / source,
                ignore=lambda folder, names: [n for n in names if _ignored((Path(folder) / n).relative_to(ROOT))],
            )
        else:
            shutil.copy(ROOT / source, context)
    return context


@pytest.mark.parametrize("service", SERVICES)
def test_recipe_makes_an_environment_that_needs_no_sources(service: str, build_context: Path, tmp_path: Path) -> None:
    uv = shutil.which("uv", path=f"{os.environ['PATH']}:{ROOT / '.make' / 'uv' / 'bin'}")
    if uv is None:
        missing("uv is not installed")
    context = tmp_path / "context"
    shutil.copytree(build_context, context)
    subprocess.run(
        [context / "install-service", service, tmp_path / "llmflow"],
        cwd=context,
        env={**os.environ, "PATH": f"{Path(uv).parent}:{os.environ['PATH']}", "UV_PYTHON": sys.executable},
        check=True,
        timeout=150,
    )
    shutil.rmtree(context)

    start = (tmp_path / "llmflow" / "bin" / "llmflow-service").read_text()
    module = f"llmflow_{service.replace('-', '_')}"
    assert start.endswith(f'/bin/python -m {module} "$@"\n')
    database = service in ("writer", "query-api")
    found = subprocess.run(
        [
            tmp_path / "llmflow" / "bin" / "python",
            "-I",
            "-c",
            f"import {module}.settings; from importlib.util import find_spec;"
            f"print(find_spec('{module}.__main__') is not None, find_spec('asyncpg') is not None,"
            f"find_spec('pytest') is not None)",
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
    )
    assert (found.stdout, found.stderr) == (f"True {database} False\n", "")
