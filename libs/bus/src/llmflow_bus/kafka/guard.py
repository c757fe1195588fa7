"""What stands between aiokafka and its users here: its errors as LLMFlow's, calls and farewells that end in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import errors  # type: ignore[import-untyped]
from aiokafka.protocol.commit import OffsetFetchRequest  # type: ignore[import-untyped]

from llmflow_core.errors import LLMFlowError, Permanent, Retryable

_STOP_SECONDS = 3.0

#: What a broker answers to a record that its topic does not take.
TOO_LARGE = (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError)
_PERMANENT = (
    *TOO_LARGE,
    errors.AuthenticationFailedError,
    errors.AuthenticationMethodNotSupported,
    errors.IllegalSaslStateError,
    errors.IncompatibleBrokerVersion,
    errors.InvalidConfigurationError,
    errors.InvalidGroupIdError,
    errors.InvalidPartitionsError,
    errors.InvalidSessionTimeoutError,
    errors.InvalidTopicError,
    errors.PolicyViolationError,
    errors.SaslAuthenticationFailed,
    errors.UnsupportedCodecError,
    errors.UnsupportedSaslMechanismError,
    errors.UnsupportedVersionError,
)


def outcome(doing: str, error: Exception) -> LLMFlowError:
    """What `error` means to the caller; `doing` says what failed."""
    kind = Permanent if isinstance(error, _PERMANENT) else Retryable
    advice = "; raise the topic's max.message.bytes, or lower max_message_bytes of the log's URL"
    return kind(f"Kafka, {doing}: {error!r}{advice if isinstance(error, TOO_LARGE) else ''}")


def no_topics(failed: object, names: Iterable[str]) -> Retryable:
    """What to tell when something `failed` while brokers show no such topics."""
    topics = ", ".join(names)
    return Retryable(f"{failed}: no topic {topics} to be seen; make it, allow this user to see it, or start a writer")


def heed_group_errors(client: Any) -> None:
    """Have an aiokafka client raise what a coordinator answers instead of a group's offsets.

    While one takes over its groups, it says so beside an empty list (since the second version of OffsetFetch, KIP-88),
    of which aiokafka reads only the list: that nothing has been committed.
    """
    send = client.send

    async def send_and_check(node: Any, request: Any, **options: Any) -> Any:
        response = await send(node, request, **options)
        if isinstance(request, OffsetFetchRequest) and getattr(response, "error_code", errors.NoError.errno):
            raise errors.for_code(response.error_code)()
        return response

    client.send = send_and_check


@asynccontextmanager
async def translated(doing: str, timeout: float) -> AsyncIterator[None]:
    """Raise Retryable or Permanent for what aiokafka raises inside, Retryable after `timeout` seconds."""
    try:
        async with asyncio.timeout(timeout):
            yield
    except TimeoutError as error:
        raise Retryable(f"Kafka, {doing}: no answer within {timeout:g} s") from error
    except (errors.KafkaError, errors.ConsumerStoppedError, errors.IllegalOperation, OSError) as error:
        raise outcome(doing, error) from error


async def stopped(client: Any) -> bool:
    """Whether an aiokafka client's `stop` came to its end within three seconds; without brokers it may take for ever.

    It runs in a task of its own, since aiokafka can let a cancellation of its own inner tasks escape.
    """
    stopping = asyncio.ensure_future(client.stop())
    await asyncio.wait([stopping], timeout=_STOP_SECONDS)
    if stopping.cancel():
        await asyncio.wait([stopping], timeout=_STOP_SECONDS)
        return False
    return not stopping.cancelled() and stopping.exception() is None
