"""Spans as a month of agents makes them: seeded, so that the same batch is the same spans wherever it is made.

A month is cut into batches of consecutive time. Popular models, users and features are used far more often than the
others (Zipf); traces have 1 to 5,000 spans, ten on average, in trees of agents, chains, model calls and tools.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from llmflow_core.spans import JSON, ObservationType, Span, SpanKind, Status

#: Changes with whatever changes the spans.
VERSION = 1
SPANS_PER_BATCH = 20_000
LARGEST_TRACE = 5_000
DAYS = 30
#: The generations of the newest batches have content: 300,000 of ten million spans.
_SHARE_WITH_CONTENT = 0.074
_BATCHES_PER_LARGEST = 8
_SECOND = 1_000_000_000
_DAY = 86_400 * _SECOND

#: Model, provider, US dollars a million tokens read and written, tokens a second.
_MODELS = [
    ("gpt-4o-mini", "openai", "0.15", "0.6", 90),
    ("gpt-4o", "openai", "2.5", "10", 70),
    ("claude-sonnet-4-5", "anthropic", "3", "15", 60),
    ("gemini-2.5-flash", "gemini", "0.3", "2.5", 160),
    ("claude-haiku-4-5", "anthropic", "1", "5", 120),
    ("gpt-4.1", "openai", "2", "8", 75),
    ("gpt-4.1-mini", "openai", "0.4", "1.6", 95),
    ("gemini-2.5-pro", "gemini", "1.25", "10", 80),
    ("mistral-small-latest", "mistral", "0.1", "0.3", 110),
    ("llama-3.3-70b", "groq", "0.59", "0.79", 270),
    ("deepseek-chat", "deepseek", "0.27", "1.1", 40),
    ("claude-opus-4-1", "anthropic", "15", "75", 45),
    ("o4-mini", "openai", "1.1", "4.4", 100),
    ("command-r", "cohere", "0.15", "0.6", 85),
    ("mistral-large-latest", "mistral", "2", "6", 55),
    ("llama-3.1-8b", "groq", "0.05", "0.08", 600),
    ("gpt-3.5-turbo", "openai", "0.5", "1.5", 100),
    ("qwen-2.5-72b", "together", "1.2", "1.2", 60),
    ("house-model-7b", "vllm", None, None, 50),
    ("gpt-4", "openai", "30", "60", 30),
]
MODELS = [name for name, *_ in _MODELS]
_EMBEDDER = ("text-embedding-3-small", "openai", "0.02", "0", 0)
SERVICES = [
    "assistant",
    "support-bot",
    "search",
    "summarizer",
    "code-review",
    "sales-agent",
    "translator",
    "moderation",
]
_ENVIRONMENTS = ["production"] * 17 + ["staging"] * 2 + ["development"]
_TAGS = ["beta", "chat", "batch", "internal", "eu", "mobile"]
FEATURES = ["chat", "search", "summary", "autocomplete", "report", "import"]
_TENANTS = 500
_USERS = 20_000
_SESSIONS_A_BATCH = 400
#: One trace in so many has the attribute `experiment`.
_TRACES_PER_EXPERIMENT = 5_000
EXPERIMENTS = 20
_TOOLS = ["web_search", "calculator", "get_order", "refund", "sql_query", "read_file", "send_mail", "weather"]
_ERRORS = ["rate_limit_exceeded", "timeout", "invalid_request_error", "server_error"]
#: What the spans below a root are, and how often of a hundred.
_KINDS = {
    ObservationType.CHAIN: 15,
    ObservationType.AGENT: 4,
    ObservationType.GENERATION: 42,
    ObservationType.TOOL: 22,
    ObservationType.RETRIEVER: 6,
    ObservationType.EMBEDDING: 5,
    ObservationType.GUARDRAIL: 2,
    ObservationType.SPAN: 4,
}
_CONTAINERS = frozenset({ObservationType.CHAIN, ObservationType.AGENT})
_VOCABULARY = 20_000
_SENTENCES = 20_000
_SYLLABLES = [consonant + vowel for consonant in "bdklmnr" for vowel in "aeiou"]


def zipf(count: int, exponent: float) -> list[float]:
    """Cumulative weights for `random.choices`: the n-th of `count` is chosen in proportion to 1 / n ** exponent."""
    return list(itertools.accumulate(1 / n**exponent for n in range(1, count + 1)))


def word(rank: int) -> str:
    """The word that is the `rank`-th most frequent in contents, from 0."""
    syllables = []
    number = rank + len(_SYLLABLES)
    while number:
        number, syllable = divmod(number, len(_SYLLABLES))
        syllables.append(_SYLLABLES[syllable])
    return "".join(syllables)


def user(rank: int) -> str:
    """The user that is the `rank`-th most active, from 0."""
    return f"user-{rank:05d}"


def experiment(number: int) -> str:
    """A value of the rare attribute `experiment`."""
    return f"variant-{number:02d}"


def order_number(batch: int, number: int) -> str:
    """A word that one content has and hardly another."""
    return f"order{batch:04d}x{number:05d}"


def sentences(seed: int) -> list[str]:
    """What contents are put together from."""
    rng = random.Random(f"{seed}:sentences")
    words, weights = [word(rank) for rank in range(_VOCABULARY)], zipf(_VOCABULARY, 1.0)
    return [" ".join(rng.choices(words, cum_weights=weights, k=rng.randint(6, 16))) for _ in range(_SENTENCES)]


@dataclass(frozen=True)
class Month:
    """`spans` spans of the 30 days before `end_ns`, in Unix nanoseconds."""

    spans: int
    end_ns: int
    seed: int = 1

    @property
    def batches(self) -> int:
        """How many batches there are; the first is the oldest."""
        return self.spans // SPANS_PER_BATCH

    def begin_ns(self, batch: int) -> int:
        """Where the batch begins in time, and the one before ends."""
        return self.end_ns - (self.batches - batch) * DAYS * _DAY // self.batches

    def has_content(self, batch: int) -> bool:
        """Whether its generations have content."""
        return batch >= int(self.batches * (1 - _SHARE_WITH_CONTENT))

    def largest_trace(self, batch: int) -> bytes | None:
        """The id of the batch's trace of 5,000 spans, which every eighth has."""
        if batch % _BATCHES_PER_LARGEST:
            return None
        return random.Random(f"{self.seed}:{batch}:largest").randbytes(16)


@dataclass
class Generator:
    """Makes the batches of a month."""

    month: Month
    _sentences: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self._sentences = sentences(self.month.seed)

    def batch(self, number: int) -> list[Span]:
        """Its spans, trace after trace."""
        return _Batch(self.month, number, self._sentences).spans()


class _Batch:
    def __init__(self, month: Month, number: int, texts: Sequence[str]) -> None:
        self._month, self._number, self._texts = month, number, texts
        self._rng = random.Random(f"{month.seed}:{number}")
        self._with_content = month.has_content(number)
        self._contents = 0

    def spans(self) -> list[Span]:
        spans: list[Span] = []
        largest = self._month.largest_trace(self._number)
        if largest is not None:
            self._trace(spans, largest, LARGEST_TRACE)
        while len(spans) < SPANS_PER_BATCH:
            self._trace(spans, self._rng.randbytes(16), min(self._size(), SPANS_PER_BATCH - len(spans)))
        return spans

    def _size(self) -> int:
        rng = self._rng
        drawn = rng.random()
        if drawn < 0.35:
            return 1
        if drawn < 0.85:
            return 2 + int(rng.expovariate(1 / 6))
        if drawn < 0.995:
            return 2 + int(rng.lognormvariate(3, 0.7))
        return min(LARGEST_TRACE, int(60 * rng.paretovariate(1.1)))

    def _trace(self, spans: list[Span], trace_id: bytes, size: int) -> None:
        rng, month = self._rng, self._month
        begin = month.begin_ns(self._number)
        start = rng.randrange(begin, month.begin_ns(self._number + 1))
        service = rng.choices(SERVICES, cum_weights=_SERVICE_WEIGHTS)[0]
        environment = rng.choice(_ENVIRONMENTS)
        common: dict[str, JSON] = {
            "feature": rng.choices(FEATURES, cum_weights=_FEATURE_WEIGHTS)[0],
            "tenant": f"tenant-{int(_TENANTS * rng.random() ** 2):03d}",
            "request.id": rng.randbytes(12).hex(),
        }
        if rng.randrange(_TRACES_PER_EXPERIMENT) == 0:
            common["experiment"] = experiment(rng.randrange(EXPERIMENTS))
        release = f"1.{self._number * 20 // month.batches}.0"
        trace = _Trace(
            rng=rng,
            trace_id=trace_id,
            service=service,
            environment=environment,
            release=release,
            user_id=user(rng.choices(range(_USERS), cum_weights=_USER_WEIGHTS)[0]),
            session_id=f"session-{self._number}-{rng.randrange(_SESSIONS_A_BATCH)}" if rng.random() < 0.6 else None,
            tags=[rng.choice(_TAGS)] if rng.random() < 0.3 else [],
            common=common,
            resource={
                "service.name": service,
                "service.version": release,
                "deployment.environment.name": environment,
                "telemetry.sdk.language": "python",
                "host.name": f"{service}-{rng.randrange(6)}",
            },
            models=rng.choices(_MODELS, cum_weights=_MODEL_WEIGHTS, k=2),
        )
        tree = trace.tree(size, start)
        if self._with_content:
            for span in tree:
                if span.observation_type == ObservationType.GENERATION:
                    self._add_content(span)
            tree[0].input_preview, tree[0].output_preview = _asked(tree), _answered(tree)
        spans += tree

    def _add_content(self, span: Span) -> None:
        rng = self._rng
        characters = min(20_000, 1_000 + int(rng.lognormvariate(7.2, 1.0)))
        texts = rng.choices(self._texts, k=max(2, characters // 75))
        asked, answered = ". ".join(texts[1:]), f"{texts[0]} {order_number(self._number, self._contents)}"
        self._contents += 1
        span.content = {
            "gen_ai.input.messages": f'[{{"role":"user","parts":[{{"type":"text","content":"{asked}"}}]}}]',
            "gen_ai.output.messages": f'[{{"role":"assistant","parts":[{{"type":"text","content":"{answered}"}}]}}]',
        }
        span.input_preview, span.output_preview = asked[:200], answered[:200]


@dataclass(kw_only=True)
class _Trace:
    """What the spans of one trace have in common."""

    rng: random.Random
    trace_id: bytes
    service: str
    environment: str
    release: str
    user_id: str
    session_id: str | None
    tags: list[str]
    common: dict[str, JSON]
    resource: dict[str, JSON]
    models: list[tuple[str, str, str | None, str | None, int]]

    def tree(self, size: int, start: int) -> list[Span]:
        """A root and `size` - 1 spans below it, one after the other in time."""
        rng = self.rng
        if size == 1:
            return [self._span(ObservationType.GENERATION, None, start)]
        root = self._span(ObservationType.AGENT, None, start)
        root.name = f"{self.service} run"
        spans, containers, time = [root], [root], start
        for kind in rng.choices(_KIND_NAMES, cum_weights=_KIND_WEIGHTS, k=size - 1):
            time += 1_000_000 + rng.randrange(20_000_000)
            parent = containers[-1] if rng.random() < 0.7 else rng.choice(containers)
            span = self._span(kind, parent.span_id, time)
            spans.append(span)
            if kind in _CONTAINERS:
                containers.append(span)
            else:
                time += span.duration_ns
        for container in containers:
            container.duration_ns = time - container.start_time_ns
        return spans

    def _span(self, kind: ObservationType, parent: bytes | None, start: int) -> Span:
        rng = self.rng
        span = Span(
            trace_id=self.trace_id,
            span_id=rng.randbytes(8),
            parent_span_id=parent,
            name=kind,
            kind=SpanKind.INTERNAL,
            start_time_ns=start,
            duration_ns=1_000_000 + int(rng.expovariate(1 / 50_000_000)),
            status=Status.OK,
            service=self.service,
            scope="opentelemetry.instrumentation.agents",
            scope_version="1.4.0",
            observation_type=kind,
            user_id=self.user_id,
            session_id=self.session_id,
            tags=self.tags,
            environment=self.environment,
            release=self.release,
            attributes=dict(self.common),
            resource_attributes=self.resource,
        )
        if kind == ObservationType.GENERATION:
            self._ask_model(span, rng.choices(self.models, cum_weights=(3, 4))[0], "chat")
        elif kind == ObservationType.EMBEDDING:
            self._ask_model(span, _EMBEDDER, "embeddings")
        elif kind == ObservationType.TOOL:
            span.name = f"execute_tool {rng.choice(_TOOLS)}"
            span.attributes |= {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.call.id": rng.randbytes(8).hex()}
        if parent is not None and rng.random() < 0.03:
            span.status, span.error_type = Status.ERROR, rng.choice(_ERRORS)
            span.status_message = f"the call failed: {span.error_type}"
        return span

    def _ask_model(self, span: Span, model: tuple[str, str, str | None, str | None, int], operation: str) -> None:
        rng = self.rng
        name, provider, read_price, write_price, speed = model
        read, written = 50 + int(rng.lognormvariate(6.5, 1.0)), int(rng.lognormvariate(5, 0.8)) if speed else 0
        span.name, span.kind = f"{operation} {name}", SpanKind.CLIENT
        span.provider, span.model, span.response_model = provider, name, name
        span.input_tokens, span.output_tokens = read, written
        if read_price is not None and write_price is not None:
            span.input_cost = Decimal(read_price).scaleb(-6) * read
            span.output_cost = Decimal(write_price).scaleb(-6) * written
            span.cost = span.input_cost + span.output_cost
        if speed:
            first = int(rng.lognormvariate(-1, 0.5) * _SECOND)
            span.time_to_first_token_ns = first
            span.duration_ns = first + written * _SECOND // speed
            span.tokens_per_second = speed * rng.uniform(0.7, 1.3)
            span.finish_reasons = ["stop"]
            if rng.random() < 0.3:
                span.cache_read_tokens = read // 2
        span.http_status = 200
        span.attributes |= {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": name,
            "gen_ai.request.temperature": 0.2,
            "gen_ai.response.id": f"resp-{rng.randbytes(12).hex()}",
            "gen_ai.usage.input_tokens": read,
            "gen_ai.usage.output_tokens": written,
        }


def _asked(tree: Sequence[Span]) -> str | None:
    return next((span.input_preview for span in tree if span.input_preview), None)


def _answered(tree: Sequence[Span]) -> str | None:
    return next((span.output_preview for span in reversed(tree) if span.output_preview), None)


_MODEL_WEIGHTS = zipf(len(_MODELS), 1.1)
_SERVICE_WEIGHTS = zipf(len(SERVICES), 1.0)
_FEATURE_WEIGHTS = zipf(len(FEATURES), 1.0)
_USER_WEIGHTS = zipf(_USERS, 1.05)
_KIND_NAMES = list(_KINDS)
_KIND_WEIGHTS = list(itertools.accumulate(_KINDS.values()))
