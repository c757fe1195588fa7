"""The OTLP receiver: acknowledged means in the log."""
