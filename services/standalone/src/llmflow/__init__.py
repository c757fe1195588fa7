"""LLMFlow on one machine: the llmflow command."""
