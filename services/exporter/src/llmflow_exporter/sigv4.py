"""AWS Signature Version 4, by botocore: the optional dependency `llmflow-exporter[aws]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmflow_core.destinations.destination import SigV4
from llmflow_core.errors import ConfigError

if TYPE_CHECKING:
    from llmflow_exporter.http_transport import Signer


def aws_signer(signature: SigV4) -> Signer:
    """Signs with the credentials that botocore finds (environment, profile, container or instance role), asked for
    anew each time, as they expire. Raises ConfigError without botocore or without credentials."""
    try:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.session import get_session
    except ImportError:
        raise ConfigError(["SigV4 needs botocore: install llmflow-exporter[aws]"]) from None
    credentials = get_session().get_credentials()
    if credentials is None:
        raise ConfigError(["SigV4 needs AWS credentials, and botocore finds none"])

    def sign(url: str, headers: dict[str, str], body: bytes) -> dict[str, str]:
        request = AWSRequest(method="POST", url=url, data=body, headers=headers)
        frozen = credentials.get_frozen_credentials()
        SigV4Auth(frozen, signature.service, signature.region).add_auth(request)
        return dict(request.headers.items())

    return sign
