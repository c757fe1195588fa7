"""`python -m llmflow.settings_check`: whether services take the settings that `llmflow up` is about to give them."""

from __future__ import annotations

import json
import os
import sys

from llmflow.settings_reference import MODELS
from llmflow_core.config import load_settings
from llmflow_core.errors import ConfigError


def main() -> None:
    """Read a JSON object of what is added to the environment, by service; print a JSON list of all that is wrong, once
    however many services it concerns."""
    inherited = dict(os.environ)
    problems = dict[str, None]()
    for service, environment in json.load(sys.stdin).items():
        os.environ.clear()
        os.environ.update(inherited | environment)
        try:
            load_settings(MODELS[service])
        except ConfigError as error:
            problems |= dict.fromkeys(error.problems)
    json.dump(list(problems), sys.stdout)


if __name__ == "__main__":
    main()
