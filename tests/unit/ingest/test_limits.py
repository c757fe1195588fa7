"""What requests may hold together."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from llmflow_core.errors import Retryable
from llmflow_ingest.limits import InFlight
from llmflow_ingest.settings import IngestSettings


def test_all_requests_share_one_limit_and_give_back_what_they_held() -> None:
    in_flight = InFlight(100)
    with in_flight.request() as first:
        first.add(60)
        with in_flight.request() as second:
            second.add(30)
            with pytest.raises(Retryable):
                second.add(11)
        with in_flight.request() as third:
            third.add(40)
    with in_flight.request() as fourth:
        fourth.add(100)


def test_the_limit_has_room_for_the_largest_request_in_both_forms() -> None:
    IngestSettings(ingest_max_body=50, ingest_max_in_flight=100)
    with pytest.raises(ValidationError, match="at least twice LLMFLOW_INGEST_MAX_BODY"):
        IngestSettings(ingest_max_body=51, ingest_max_in_flight=100)
