"""How commands talk to LLMFlow's HTTP API, here or on another machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from llmflow.instance import default_data_dir, read_where
from llmflow_core.errors import LLMFlowError

# What is imported in functions here costs memory that `llmflow up`, which needs none of it, would keep.
if TYPE_CHECKING:
    import httpx

    from llmflow.api_settings import ApiSettings

_TIMEOUT_SECONDS = 60.0


class Api:
    """The API as one user or key sees it. Every method raises LLMFlowError, in people's words, when a request fails."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def request(self, method: str, *path: str, json: Any = None, **parameters: Any) -> Any:
        """The JSON that the API answers (None for an empty answer) on the path of these segments below /api/v1.

        Parameters that are None are not sent.
        """
        import httpx

        target = "/api/v1/" + "/".join(quote(segment, safe="") for segment in path)
        query = {name: value for name, value in parameters.items() if value is not None}
        try:
            answer = self._client.request(method, target, json=json, params=query)
        except httpx.HTTPError as error:
            raise LLMFlowError(
                f"{self._client.base_url} does not answer ({error}); start LLMFlow, or set LLMFLOW_API_URL"
            ) from error
        if answer.is_error:
            raise LLMFlowError(_problem(answer))
        if not answer.is_success or (answer.content and "json" not in answer.headers.get("content-type", "")):
            raise LLMFlowError(f"{self._client.base_url} is not LLMFlow's API; check LLMFLOW_API_URL")
        return answer.json() if answer.content else None

    def get(self, *path: str, **parameters: Any) -> Any:
        """See `request`."""
        return self.request("GET", *path, **parameters)

    def post(self, *path: str, json: Any, **parameters: Any) -> Any:
        """See `request`."""
        return self.request("POST", *path, json=json, **parameters)


@contextmanager
def open_api() -> Iterator[Api]:
    """The API that the environment names. Raises ConfigError for a wrong setting."""
    import httpx

    from llmflow.api_settings import ApiSettings
    from llmflow_core.config import load_settings

    settings = load_settings(ApiSettings)
    auth: httpx.Auth | None = httpx.BasicAuth(settings.auth_username, settings.auth_password.get_secret_value())
    headers = {"X-Requested-With": "llmflow"}
    if settings.api_key:
        auth = None
        headers["Authorization"] = f"Bearer {settings.api_key.get_secret_value()}"
    with httpx.Client(base_url=_url(settings), auth=auth, headers=headers, timeout=_TIMEOUT_SECONDS) as client:
        yield Api(client)


def _url(settings: ApiSettings) -> str:
    from llmflow.api_settings import HERE

    if settings.api_url:
        return str(settings.api_url)
    where = read_where(settings.data_dir or default_data_dir())
    return where.page_url if where else HERE


def _problem(answer: httpx.Response) -> str:
    """What an RFC 9457 answer says, with a hint where the settings are the likely cause."""
    try:
        detail = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"{answer.request.url} answers {answer.status_code}"
    hint = " (see LLMFLOW_API_KEY, or AUTH_USERNAME and AUTH_PASSWORD)" if answer.status_code == 401 else ""
    return detail + hint
