"""Moves spans, logs and metrics from the message log into the database, each exactly once."""
