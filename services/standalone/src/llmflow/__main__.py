"""`python -m llmflow`: the llmflow command."""

from llmflow.cli import main

main()
