"""What LLMFlow asks of the certificates that others show."""

from __future__ import annotations

import ssl


def lenient(context: ssl.SSLContext) -> ssl.SSLContext:
    """`context`, which no longer demands that certificates have every extension that RFC 5280 does.

    Python does by default, from 3.13 on; those of a company's own authority often lack some, and other programs take
    them. Signature, name, dates and purpose are checked all the same.
    """
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
