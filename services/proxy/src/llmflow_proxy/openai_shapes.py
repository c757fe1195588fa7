"""Every API of OpenAI that is recorded, by path below /v1, and reranking, which others have beside them."""

from __future__ import annotations

from llmflow_proxy import (
    cohere,
    openai_chat,
    openai_completions,
    openai_decisions,
    openai_embeddings,
    openai_media,
    openai_resources,
    openai_responses,
)
from llmflow_proxy.shape import Shape

SHAPES: dict[str, Shape] = {
    "/chat/completions": openai_chat.SHAPE,
    "/responses": openai_responses.SHAPE,
    "/responses/compact": openai_responses.SHAPE,
    "/completions": openai_completions.SHAPE,
    "/embeddings": openai_embeddings.EMBEDDINGS,
    "/moderations": openai_embeddings.MODERATIONS,
    "/decisions": openai_decisions.SHAPE,
    "/rerank": cohere.RERANK,
    "/images/generations": openai_media.IMAGES,
    "/images/edits": openai_media.IMAGES,
    "/images/variations": openai_media.IMAGES,
    "/audio/speech": openai_media.SPEECH,
    "/audio/transcriptions": openai_media.TRANSCRIPTION,
    "/audio/translations": openai_media.TRANSCRIPTION,
    **openai_resources.SHAPES,
}
