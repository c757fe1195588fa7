"""Spans in TimescaleDB or PostgreSQL: schema, migrations, writes and queries."""
