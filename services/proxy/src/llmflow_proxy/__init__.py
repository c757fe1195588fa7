"""The LLM proxy: forwards calls untouched and publishes a span for each."""
