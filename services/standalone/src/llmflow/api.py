"""How commands talk to LLMFlow's HTTP API, here or on another machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from llmflow.instance import default_data_dir, read_where
from llmflow.reaching import proxies_apply
from llmflow_core.errors import LLMFlowError

# What is imported in functions here costs memory that `llmflow up`, which needs none of it, would keep.
if TYPE_CHECKING:
    import httpx

    from llmflow.command_settings import CommandSettings

_TIMEOUT_SECONDS = 60.0
#: What every list of the API gives on one page.
_PAGE_SIZE = 200


class ApiError(LLMFlowError):
    """The API refuses a request with `status`. `field` names the parameter or member at fault, if it is one; `position`
    is the place of the mistake in what was given for it, the `text`, in characters from 0."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        field: str | None = None,
        position: int | None = None,
        text: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.field = field
        self.position = position
        self.text = text


class _Told(dict[str, Any]):
    """An object of an answer. A member that it lacks was looked for because LLMFlow's have it."""

    __slots__ = ("_url",)

    def __init__(self, members: Mapping[str, Any], url: httpx.URL) -> None:
        super().__init__(members)
        self._url = url

    def __missing__(self, name: str) -> Any:
        raise LLMFlowError(
            f"{self._url} does not tell {name!r}: it is not LLMFlow's API, or another version's; check LLMFLOW_API_URL"
        )


class Api:
    """The API as one user or key sees it. Every method raises LLMFlowError, in people's words, when a request fails."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def request(self, method: str, *path: str, json: Any = None, **parameters: Any) -> Any:
        """The JSON that the API answers (None for an empty answer) on the path of these segments below /api/v1.

        Parameters that are None are not sent.
        """
        with self.stream(method, *path, kind="json", json=json, **parameters) as answer:
            if not answer.read():
                return None
            try:
                told = answer.json(object_hook=self._told)
            except ValueError:
                raise self._stranger() from None
            # None of LLMFlow's is empty.
            if not told or not isinstance(told, dict):
                raise self._stranger()
            return told

    @contextmanager
    def stream(
        self,
        method: str,
        *path: str,
        kind: str,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        **parameters: Any,
    ) -> Iterator[httpx.Response]:
        """The same for an answer that is read while it arrives; its content type says `kind`. A breakdown meanwhile
        raises LLMFlowError too."""
        import httpx

        for segment in path:
            # These would make it another path, and a slash is one to servers however it is written.
            if segment in ("", ".", "..") or "/" in segment:
                raise ApiError(f"there can be nothing called {segment!r}", status=400)
        query = {name: value for name, value in parameters.items() if value is not None}
        try:
            target = "/api/v1/" + "/".join(quote(segment, safe="") for segment in path)
            with self._client.stream(method, target, json=json, headers=headers, params=query) as answer:
                if answer.is_error:
                    answer.read()
                    raise _problem(answer, query)
                if not answer.is_success or kind not in answer.headers.get("content-type", kind):
                    raise self._stranger()
                yield answer
        except (UnicodeEncodeError, httpx.InvalidURL) as error:
            raise ApiError(f"this cannot be sent: {error}", status=400) from error
        except httpx.HTTPError as error:
            raise LLMFlowError(
                f"{self._client.base_url} does not answer ({error}); start LLMFlow, or set LLMFLOW_API_URL"
            ) from error

    def _told(self, members: dict[str, Any]) -> _Told:
        return _Told(members, self._client.base_url)

    def _stranger(self) -> LLMFlowError:
        return LLMFlowError(f"{self._client.base_url} is not LLMFlow's API; check LLMFLOW_API_URL")

    def get(self, *path: str, **parameters: Any) -> Any:
        """See `request`."""
        return self.request("GET", *path, **parameters)

    def listed(self, member: str, *path: str, limit: int, **parameters: Any) -> dict[str, Any]:
        """The first `limit` entries of a list that comes in pages, shaped as one page: `member` and `next_cursor`."""
        entries: list[Any] = []
        cursor = parameters.pop("cursor", None)
        while True:
            size = min(limit - len(entries), _PAGE_SIZE)
            page = self.get(*path, cursor=cursor, limit=size, **parameters)
            entries += page[member]
            cursor = page["next_cursor"]
            if cursor is None or len(entries) >= limit:
                return {member: entries, "next_cursor": cursor}

    def post(self, *path: str, json: Any, **parameters: Any) -> Any:
        """See `request`."""
        return self.request("POST", *path, json=json, **parameters)


@contextmanager
def open_api() -> Iterator[Api]:
    """The API that the environment names. Raises LLMFlowError for what the environment says wrong of it."""
    import httpx

    from llmflow.command_settings import CommandSettings
    from llmflow_core.config import load_settings
    from llmflow_core.tls import lenient

    settings = load_settings(CommandSettings)
    auth: httpx.Auth | None = httpx.BasicAuth(settings.auth_username, settings.auth_password.get_secret_value())
    headers = {"X-Requested-With": "llmflow"}
    if settings.api_key:
        auth = None
        key = settings.api_key.get_secret_value()
        if not (key.isascii() and key.isprintable()):
            raise LLMFlowError("LLMFLOW_API_KEY is no API key: those have only letters, digits, - and _")
        headers["Authorization"] = f"Bearer {key}"
    url = _url(settings)
    # To read the authorities' certificates takes longer than most requests.
    verify = lenient(httpx.create_ssl_context()) if url.startswith("https:") else False
    with httpx.Client(
        base_url=url,
        auth=auth,
        headers=headers,
        timeout=_TIMEOUT_SECONDS,
        verify=verify,
        trust_env=proxies_apply(url),
    ) as client:
        yield Api(client)


def _url(settings: CommandSettings) -> str:
    from llmflow.command_settings import HERE

    if settings.api_url:
        return str(settings.api_url)
    where = read_where(settings.data_dir or default_data_dir())
    return where.page_url if where else HERE


def _problem(answer: httpx.Response, parameters: Mapping[str, Any]) -> ApiError:
    """What an RFC 9457 answer says, with a hint where the settings are the likely cause."""
    try:
        told = answer.json()
        detail = str(told["detail"])
    except (ValueError, KeyError, TypeError):
        told, detail = {}, answer.reason_phrase
    # That is all that is said where there is nothing of LLMFlow's.
    if detail == answer.reason_phrase:
        detail = f"{answer.request.url} answers {answer.status_code} {detail}; check LLMFLOW_API_URL"
    hint = " (see LLMFLOW_API_KEY, or AUTH_USERNAME and AUTH_PASSWORD)" if answer.status_code == 401 else ""
    field = told.get("field")
    text = parameters.get(field) if field else None
    return ApiError(
        detail + hint,
        status=answer.status_code,
        field=field,
        position=told.get("position"),
        text=text if isinstance(text, str) else None,
    )
