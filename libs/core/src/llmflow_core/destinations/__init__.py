"""Destinations that spans are forwarded to: what one may say, and what is particular about each backend."""
