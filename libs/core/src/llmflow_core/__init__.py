"""The span model, OTLP, semantic conventions, prices and settings every LLMFlow part shares."""
