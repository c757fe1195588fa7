"""Helm for the chart's tests."""

from __future__ import annotations

import shutil
from pathlib import Path

from llmflow_testkit.gotools import go_tool

HELM_VERSION = "v3.22.0"


def find_helm() -> Path:
    """Helm: the one on PATH, else HELM_VERSION built by Go (one to four minutes, once).

    Raises BackendMissing when neither is to be had.
    """
    found = shutil.which("helm")
    return Path(found) if found else go_tool("helm", "helm.sh/helm/v3/cmd/helm", HELM_VERSION)
