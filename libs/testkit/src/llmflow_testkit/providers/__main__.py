"""`python -m llmflow_testkit.providers --port N`: the fake providers until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse

import uvicorn

from llmflow_testkit.providers.fake import FakeProviderApp


def main() -> None:
    parser = argparse.ArgumentParser(description="Fake OpenAI (/v1) and Anthropic (/) on 127.0.0.1")
    parser.add_argument("--port", type=int, default=8081)
    port = parser.parse_args().port
    print(f"OPENAI_BASE_URL=http://127.0.0.1:{port}/v1 ANTHROPIC_BASE_URL=http://127.0.0.1:{port}", flush=True)
    uvicorn.run(
        FakeProviderApp(), host="127.0.0.1", port=port, log_level="warning", server_header=False, date_header=False
    )


if __name__ == "__main__":
    main()
