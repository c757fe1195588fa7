"""The calls of a batch as one, from what each of them took."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable

from llmflow_core.spans import CALLS_OF_BATCH, JSON
from llmflow_proxy.shape import Apart, Reading

_NAMED_BY = ("gen_ai.operation.name", "gen_ai.request.model")
#: What the price of a call depends on beside what it took.
_PRICED_BY = ("gen_ai.response.model", "llmflow.response.speed", "llmflow.response.inference_geo")
#: Above so many tokens of input some models take more for all tokens. Only calls of one such range are summed up.
_LONG = (100_000, 128_000, 200_000, 272_000)
_SUMMED = ("gen_ai.usage.", "llmflow.usage.")


def apart_of(identity: str, began: int | None, ended: int | None, calls: Iterable[Reading]) -> list[Apart]:
    """The sums of calls with the same prices, each as one call from `began` to `ended`, where that is known; calls
    without tokens are left out."""
    priced_alike = defaultdict[tuple[JSON, ...], list[Reading]](list)
    for call in calls:
        asked = call.attributes.get("gen_ai.usage.input_tokens")
        if isinstance(asked, int):
            priced_by = (call.attributes.get(name) for name in _PRICED_BY)
            priced_alike[*priced_by, bisect_left(_LONG, asked)].append(call)
    return [
        Apart(f"{identity}/{'/'.join(map(str, alike))}", began, ended, _summed(identity, calls), batch=True)
        for alike, calls in priced_alike.items()
    ]


def _summed(identity: str, calls: list[Reading]) -> Reading:
    counts = Counter[str]()
    for call in calls:
        counts.update({name: count for name, count in call.attributes.items() if _is_count(name, count)})
    alike = {name: calls[0].attributes.get(name) for name in (*_NAMED_BY, *_PRICED_BY)}
    of_all: dict[str, JSON] = {
        "gen_ai.response.id": identity,
        "llmflow.response.service_tier": "batch",
        CALLS_OF_BATCH: len(calls),
    }
    return Reading(alike | counts | of_all)


def _is_count(name: str, value: JSON) -> bool:
    return name.startswith(_SUMMED) and isinstance(value, int | float) and name != "gen_ai.usage.cost"
