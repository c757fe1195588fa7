"""Forwards spans from the message log to other observability backends."""
