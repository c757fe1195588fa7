"""A real TimescaleDB for tests: Debian's packages, unpacked beside the system and run from there.

The machine's own apt sources say where packages come from; nothing of the system is changed and root is not needed.
Programs run through the packages' own dynamic loader, so the machine's C library may be older than theirs. It is the
Apache-licensed build: hypertables, no compression, no continuous aggregates.
"""

from __future__ import annotations

import platform
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from llmflow_store.postgres_files import Binaries
from llmflow_testkit.clusters.cache import BackendMissing, built_once, require, run
from llmflow_testkit.clusters.postgres import NOT_DURABLE, RunningPostgres

VERSION = "2.19.3"
POSTGRES_MAJOR = 17

_RELEASE = "trixie"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SETTINGS = {
    **NOT_DURABLE,
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
    "max_connections": "100",
    "max_worker_processes": "16",
    "shared_buffers": "128MB",
    "max_wal_size": "4GB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# What the packages depend on and the server does without: the JIT compiler, Perl, Debian's cluster scripts.
_UNUSED = re.compile(
    r"libllvm|libz3|perl|libperl|lib.*-perl_|locales_|libc-l10n|passwd_|procps_|adduser_|openssl_|postgresql-common"
    r"|postgresql-client-common|libsem|base-passwd|debconf|tzdata|sensible-utils|ssl-cert|ucf_"
)
_LOADERS = {"x86_64": "ld-linux-x86-64.so.2", "aarch64": "ld-linux-aarch64.so.1"}


def prepare_timescaledb() -> Binaries:
    """The unpacked server; downloads and unpacks it the first time (10 s, 120 MB).

    Raises BackendMissing when it is not here yet and this is no Debian on amd64 or arm64, or apt cannot fetch it.
    """
    root = built_once(f"timescaledb-{VERSION}", _install)
    return Binaries(root / _bin(), POSTGRES_MAJOR)


def start_timescaledb(folder: Path, settings: Mapping[str, str] = {}) -> RunningPostgres:
    """A started server with its data below `folder`; `CREATE EXTENSION timescaledb` is the database owner's to do.
    `settings` are parameters of PostgreSQL that differ from what suits tests.

    Raises BackendMissing on a machine that cannot run one.
    """
    server = RunningPostgres(folder, settings={**_SETTINGS, **settings}, binaries=prepare_timescaledb())
    server.start()
    return server


def _bin() -> str:
    return f"usr/lib/postgresql/{POSTGRES_MAJOR}/bin"


def _install(root: Path) -> None:
    require("apt-get", "dpkg-deb", "tar")
    if platform.machine() not in _LOADERS or not _KEYRING.exists():
        raise BackendMissing(f"it comes from Debian's packages for amd64 and arm64, checked with {_KEYRING}")
    state = root / "apt"
    for package in _download(state):
        if not _UNUSED.match(package.name):
            _unpack(package, root)
    run(["rm", "-rf", state])
    for program in ("postgres", "initdb"):
        _wrap(root / _bin() / program)
    run(["chmod", "-R", "a+rX", root])


def _download(state: Path) -> list[Path]:
    """Fetch TimescaleDB and what it depends on, as if nothing were installed; leave the system's own apt alone."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True)
    (state / "status").touch()
    (state / "sources.list").write_text(f"deb [signed-by={_KEYRING}] {_debian_uri()} {_RELEASE} main\n")
    options = {
        "Dir::State": state,
        "Dir::State::lists": state / "lists",
        "Dir::State::status": state / "status",
        "Dir::Cache": state / "cache",
        "Dir::Etc::SourceList": state / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Etc::Preferences": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "",
        "APT::Keep-Downloaded-Packages": "true",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "Debug::NoLocking": "true",
    }
    apt = ["apt-get", "-qq", "-y", *(f"-o{name}={value}" for name, value in options.items())]
    run([*apt, "update"])
    run([*apt, "--download-only", "install", f"postgresql-{POSTGRES_MAJOR}-timescaledb={VERSION}*"])
    return sorted((state / "cache" / "archives").glob("*.deb"))


def _debian_uri() -> str:
    """The Debian mirror that this machine uses."""
    targets = run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(COMPONENT)", "Created-By: Packages"])
    for target in targets.splitlines():
        uri, _, component = target.partition(" ")
        if component == "main" and uri.rstrip("/").endswith("/debian"):
            return uri
    raise BackendMissing("apt has no Debian mirror among its sources")


def _unpack(package: Path, root: Path) -> None:
    excluded = ["./usr/share/doc*", "./usr/share/man*", "./usr/share/locale*", "./usr/lib/postgresql/*/lib/bitcode*"]
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as archive:
        unpacked = subprocess.run(
            ["tar", "-x", "-C", root, "--keep-directory-symlink", *(f"--exclude={name}" for name in excluded)],
            stdin=archive.stdout,
            capture_output=True,
        )
    if unpacked.returncode != 0 or archive.returncode != 0:
        raise BackendMissing(f"{package.name} cannot be unpacked: {unpacked.stderr.decode(errors='replace')}")


def _wrap(program: Path) -> None:
    """Put a script in the place of `program` that runs it with the libraries it was unpacked with."""
    program.rename(program.with_suffix(".real"))
    loader = _LOADERS[platform.machine()]
    libraries = f"usr/lib/{platform.machine()}-linux-gnu"
    program.write_text(
        "#!/bin/sh\n"
        "root=${0%/usr/lib/postgresql/*}\n"
        f'exec "$root/{libraries}/{loader}" --library-path "$root/{libraries}" --argv0 "$0" "$0.real" "$@"\n'
    )
    program.chmod(0o755)
