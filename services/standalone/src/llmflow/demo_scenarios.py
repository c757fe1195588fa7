"""What the sample traffic consists of: a chat, a question over documents, an agent with tools, a batch of summaries."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from llmflow_core.otlp import key_values

_SECOND = 10**9
_USERS = [f"user-{number:03d}" for number in range(40)]
_TOPICS = [
    (
        "refund",
        "Where is the refund for my last order?",
        "It was sent on Tuesday and takes three to five working days.",
    ),
    (
        "delivery",
        "My parcel says delivered, but it is not here.",
        "I have asked the carrier and will write to you today.",
    ),
    ("invoice", "Can you send the invoice to another address?", "Of course. It is on its way to the new address."),
    ("login", "The app logs me out every few minutes.", "Please update to version 4.2, which fixes exactly this."),
    ("plan", "What is the difference between Team and Business?", "Business adds single sign-on and an audit log."),
    ("export", "How do I export all my data?", "Settings, Data, Export. You get an e-mail when the archive is ready."),
]


@dataclass(frozen=True, slots=True)
class _Model:
    provider: str
    name: str
    tokens_per_second: float
    first_token_seconds: float


_LARGE = [
    _Model("openai", "gpt-4o", 80, 0.45),
    _Model("anthropic", "claude-sonnet-4-5", 65, 0.9),
    _Model("gcp.gemini", "gemini-2.5-pro", 90, 1.1),
]
_SMALL = [
    _Model("openai", "gpt-4o-mini", 110, 0.3),
    _Model("anthropic", "claude-haiku-4-5", 130, 0.4),
    _Model("gcp.gemini", "gemini-2.5-flash", 160, 0.35),
]


class Recorder:
    """One trace in the making. Time is a clock that only the recorded work moves."""

    def __init__(self, rng: random.Random, start_ns: int) -> None:
        self.rng = rng
        self.spans: list[Span] = []
        self._clock = start_ns
        # Of its time, too: sent again later, the same traffic makes new traces instead of doubling the spans of these.
        seeded = rng.randbytes(16) + start_ns.to_bytes(8, "big")
        self._trace_id = hashlib.blake2b(seeded, digest_size=16, usedforsecurity=False).digest()
        self._open: list[Span] = []
        # A few users make most of the traffic.
        user = _USERS[min(int(rng.expovariate(0.15)), len(_USERS) - 1)]
        self._common = {"user.id": user, "session.id": f"{user}-{start_ns // (1800 * _SECOND)}"}

    def wait(self, seconds: float) -> None:
        """Let time pass, give or take a third."""
        self._clock += int(seconds * self.rng.uniform(0.67, 1.33) * _SECOND)

    @contextmanager
    def span(self, name: str, kind: Span.SpanKind.ValueType, **attributes: Any) -> Iterator[Span]:
        """A span around what is recorded inside; `attributes` have `__` for a dot."""
        span = Span(
            trace_id=self._trace_id,
            span_id=self.rng.randbytes(8),
            parent_span_id=self._open[-1].span_id if self._open else b"",
            name=name,
            kind=kind,
            start_time_unix_nano=self._clock,
            attributes=key_values(
                {**self._common, **{key.replace("__", "."): value for key, value in attributes.items()}}
            ),
        )
        self.spans.append(span)
        self._open.append(span)
        yield span
        self._open.pop()
        span.end_time_unix_nano = self._clock

    def fail(self, span: Span, error_type: str, message: str) -> None:
        """Mark a span, and every span around it, as failed."""
        span.attributes.extend(key_values({"error.type": error_type}))
        for failed in {span.span_id: span, **{outer.span_id: outer for outer in self._open}}.values():
            failed.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message=message))

    def generation(
        self,
        model: _Model,
        messages: list[dict[str, Any]],
        answer: list[dict[str, Any]],
        *,
        input_tokens: int,
        output_tokens: int,
        stream: bool = True,
        tools: list[dict[str, Any]] | None = None,
    ) -> bool:
        """One call of a model; False if it failed, which a few do."""
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": model.provider,
            "gen_ai.request.model": model.name,
            "gen_ai.request.temperature": 0.3,
            "gen_ai.request.stream": stream,
            "gen_ai.input.messages": orjson.dumps(messages).decode(),
            "gen_ai.tool.definitions": orjson.dumps(tools).decode() if tools else None,
        }
        with self.span(f"chat {model.name}", Span.SPAN_KIND_CLIENT) as span:
            span.attributes.extend(key_values(attributes))
            started = self._clock
            self.wait(model.first_token_seconds)
            if self.rng.random() < 0.04:
                kind, status = self.rng.choice((("rate_limit_exceeded", 429), ("timeout", 504), ("overloaded", 529)))
                span.attributes.extend(key_values({"http.response.status_code": status}))
                self.fail(span, kind, f"{model.provider} answered {status}: {kind.replace('_', ' ')}")
                return False
            first_token_seconds = (self._clock - started) / _SECOND
            self.wait(output_tokens / model.tokens_per_second)
            cached = input_tokens // 2 if self.rng.random() < 0.4 else 0
            results = {
                "gen_ai.response.model": model.name,
                "gen_ai.response.id": f"resp-{self.rng.randbytes(6).hex()}",
                "gen_ai.response.finish_reasons": [answer[-1].get("finish_reason", "stop")],
                "gen_ai.response.time_to_first_chunk": first_token_seconds if stream else None,
                "gen_ai.usage.input_tokens": input_tokens,
                "gen_ai.usage.output_tokens": output_tokens,
                "gen_ai.usage.cache_read.input_tokens": cached or None,
                "gen_ai.output.messages": orjson.dumps(answer).decode(),
                "http.response.status_code": 200,
            }
            span.attributes.extend(key_values(results))
            return True

    def end_before(self, latest_ns: int) -> None:
        """Move the whole trace back in time, if need be, so that it has ended at `latest_ns`."""
        late = max(span.end_time_unix_nano for span in self.spans) - latest_ns
        if late > 0:
            for span in self.spans:
                span.start_time_unix_nano -= late
                span.end_time_unix_nano -= late


def _said(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": content}]}


def _answered(content: str) -> list[dict[str, Any]]:
    return [{**_said("assistant", content), "finish_reason": "stop"}]


def _support_chat(recorder: Recorder) -> None:
    rng = recorder.rng
    feature, question, answer = rng.choice(_TOPICS)
    messages = [_said("system", "You are the support assistant of a web shop. Be brief and kind.")]
    with recorder.span("POST /chat", Span.SPAN_KIND_SERVER, feature=feature, llmflow__tags=["support"]):
        recorder.wait(0.01)
        for turn in range(rng.randint(1, 3)):
            messages.append(_said("user", question if turn == 0 else "Thank you. Anything else that I should know?"))
            model = rng.choice(_SMALL)
            done = recorder.generation(
                model,
                messages,
                _answered(answer),
                input_tokens=60 + 40 * len(messages) + rng.randint(0, 200),
                output_tokens=rng.randint(20, 200),
            )
            if not done:
                return
            messages.append(_said("assistant", answer))
            recorder.wait(0.02)


def _document_question(recorder: Recorder) -> None:
    rng = recorder.rng
    feature, question, answer = rng.choice(_TOPICS)
    with recorder.span("answer_question", Span.SPAN_KIND_INTERNAL, gen_ai__operation__name="invoke_workflow") as root:
        root.attributes.extend(key_values({"feature": feature, "llmflow.tags": ["rag"]}))
        with recorder.span(
            "embeddings text-embedding-3-small",
            Span.SPAN_KIND_CLIENT,
            gen_ai__operation__name="embeddings",
            gen_ai__provider__name="openai",
            gen_ai__request__model="text-embedding-3-small",
            gen_ai__usage__input_tokens=rng.randint(8, 40),
        ):
            recorder.wait(0.08)
        documents = [
            {"id": f"kb-{rng.randrange(400)}", "score": round(rng.uniform(0.6, 0.95), 3), "content": text}
            for _, _, text in rng.sample(_TOPICS, 3)
        ]
        with recorder.span(
            "retrieval help-centre",
            Span.SPAN_KIND_CLIENT,
            gen_ai__operation__name="retrieval",
            gen_ai__data_source__id="help-centre",
            gen_ai__retrieval__query__text=question,
            gen_ai__retrieval__documents=orjson.dumps(documents).decode(),
        ) as search:
            recorder.wait(0.05)
            if rng.random() < 0.03:
                recorder.fail(search, "ConnectionError", "the vector store closed the connection")
                return
        context = "\n".join(str(document["content"]) for document in documents)
        recorder.generation(
            rng.choice(_LARGE),
            [_said("system", f"Answer from these documents only:\n{context}"), _said("user", question)],
            _answered(answer),
            input_tokens=rng.randint(1_500, 6_000),
            output_tokens=rng.randint(60, 400),
        )


_TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "name": name,
        "description": description,
        "parameters": {"type": "object", "properties": {argument: {"type": "string"}}, "required": [argument]},
    }
    for name, description, argument in (
        ("find_order", "Find an order by its number.", "order_id"),
        ("track_parcel", "Ask the carrier where a parcel is.", "parcel_id"),
        ("create_ticket", "Hand the case over to a person.", "summary"),
    )
]


def _agent(recorder: Recorder) -> None:
    rng = recorder.rng
    feature, question, answer = rng.choice(_TOPICS)
    model = rng.choice(_LARGE)
    messages = [_said("system", "Solve the customer's problem with the tools."), _said("user", question)]
    with recorder.span(
        "invoke_agent service-desk",
        Span.SPAN_KIND_INTERNAL,
        gen_ai__operation__name="invoke_agent",
        gen_ai__agent__name="service-desk",
        feature=feature,
        llmflow__tags=["agent"],
    ):
        for _ in range(rng.randint(1, 5)):
            tool = rng.choice(_TOOLS)
            call_id = f"call_{rng.randbytes(4).hex()}"
            arguments = {tool["parameters"]["required"][0]: f"{rng.randrange(10**6):06d}"}
            call = {"type": "tool_call", "id": call_id, "name": tool["name"], "arguments": arguments}
            wanted = {"role": "assistant", "parts": [call], "finish_reason": "tool_calls"}
            tokens = 400 + 180 * len(messages) + rng.randint(0, 300)
            if not recorder.generation(
                model, messages, [wanted], input_tokens=tokens, output_tokens=rng.randint(20, 90), tools=_TOOLS
            ):
                return
            result = _use_tool(recorder, tool["name"], call_id, arguments)
            returned = {"role": "tool", "parts": [{"type": "tool_call_response", "id": call_id, "response": result}]}
            messages += [{"role": "assistant", "parts": [call]}, returned]
        recorder.generation(
            model,
            messages,
            _answered(answer),
            input_tokens=400 + 180 * len(messages),
            output_tokens=rng.randint(60, 300),
            tools=_TOOLS,
        )


def _use_tool(recorder: Recorder, name: str, call_id: str, arguments: dict[str, str]) -> dict[str, Any]:
    result: dict[str, Any] = {"status": recorder.rng.choice(("shipped", "delivered", "returned")), **arguments}
    with recorder.span(
        f"execute_tool {name}",
        Span.SPAN_KIND_INTERNAL,
        gen_ai__operation__name="execute_tool",
        gen_ai__tool__name=name,
        gen_ai__tool__call__id=call_id,
        gen_ai__tool__call__arguments=orjson.dumps(arguments).decode(),
    ) as span:
        recorder.wait(0.12)
        if recorder.rng.random() < 0.05:
            result = {"error": "the order service did not answer"}
            span.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message=str(result["error"])))
            span.attributes.extend(key_values({"error.type": "TimeoutError"}))
        span.attributes.extend(key_values({"gen_ai.tool.call.result": orjson.dumps(result).decode()}))
    return result


def _nightly_summaries(recorder: Recorder) -> None:
    rng = recorder.rng
    with recorder.span("summarise_tickets", Span.SPAN_KIND_INTERNAL, gen_ai__operation__name="invoke_workflow") as root:
        root.attributes.extend(key_values({"feature": "summaries", "llmflow.tags": ["batch"]}))
        for _ in range(rng.randint(4, 12)):
            _, question, answer = rng.choice(_TOPICS)
            recorder.generation(
                _SMALL[0],
                [_said("system", "Summarise the ticket in one sentence."), _said("user", f"{question}\n{answer}")],
                _answered(f"Customer asked: {question} Resolved."),
                input_tokens=rng.randint(300, 900),
                output_tokens=rng.randint(15, 40),
                stream=False,
            )


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of trace: the service that makes it, how often it comes, and what happens in it."""

    service: str
    weight: int
    play: Callable[[Recorder], None]


SCENARIOS = (
    Scenario("support-chat", 5, _support_chat),
    Scenario("help-centre", 3, _document_question),
    Scenario("service-desk-agent", 3, _agent),
    Scenario("nightly-jobs", 1, _nightly_summaries),
)
