"""Helm for the chart's tests."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from llmflow_testkit.clusters.availability import available
from llmflow_testkit.gotools import go_tool

HELM_VERSION = "v3.22.0"
#: The Kubernetes that Helm takes a cluster for when it asks none; without these it would be 1.20.
_KUBERNETES = {
    "helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor": "1",
    "helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor": "37",
}


def find_helm() -> Path:
    """Helm: the one on PATH, else HELM_VERSION built by Go (one to four minutes, once).

    Raises BackendMissing when neither is to be had.
    """
    found = shutil.which("helm")
    return Path(found) if found else go_tool("helm", "helm.sh/helm/v3/cmd/helm", HELM_VERSION, variables=_KUBERNETES)


def helm(*arguments: str | Path, values: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
    """Run Helm with `values`. Without Helm, the calling test fails in CI and is skipped elsewhere."""
    command = [available(find_helm), *arguments, *(["--values", "-"] if values is not None else [])]
    return subprocess.run(command, input=json.dumps(values or {}), capture_output=True, text=True, timeout=60)


def render(chart: Path, values: dict[str, Any], *, kubernetes: str) -> list[dict[str, Any]]:
    """The objects that an install of `chart` as release `demo` in namespace `observability` creates.

    Raises AssertionError with Helm's complaint when it refuses the values.
    """
    done = helm("template", "demo", chart, "--namespace", "observability", "--kube-version", kubernetes, values=values)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if document]
