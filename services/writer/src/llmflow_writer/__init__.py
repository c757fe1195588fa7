"""Moves spans from the message log into the database, each exactly once."""
