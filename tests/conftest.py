"""Fixtures that every test may ask for; see `llmflow_testkit.plugin`."""

pytest_plugins = ["llmflow_testkit.plugin"]
