"""Fake providers: real HTTP servers that answer as the real ones do, down to header names and framing."""

from llmflow_testkit.providers.fake import FakeProvider, ReceivedRequest
from llmflow_testkit.providers.server import BackgroundServer

__all__ = ["BackgroundServer", "FakeProvider", "ReceivedRequest"]
