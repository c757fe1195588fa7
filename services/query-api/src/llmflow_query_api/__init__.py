"""The REST API over stored spans, and the page's server on one machine."""
