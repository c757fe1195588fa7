"""The settings of alerts and budgets."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, HttpUrl
from pydantic_settings import NoDecode

from llmflow_core.config import Settings, comma_separated
from llmflow_core.url_guard import check_entries

#: NoDecode: pydantic-settings would take the text for JSON.
_AllowList = Annotated[list[str], NoDecode, BeforeValidator(comma_separated), AfterValidator(check_entries)]


class AlertSettings(Settings):
    """How often rules and budgets are looked at, and where their notices may go."""

    alerts_poll_seconds: float = Field(
        5.0,
        ge=0,
        description="How often this process asks the database for alerts and notices that are due, in seconds; 0 leaves"
        " them to other processes.",
        examples=[0],
    )
    alerts_seconds: float = Field(
        60.0, gt=0, description="How often a rule or budget is evaluated, in seconds.", examples=[30]
    )
    alerts_delay_seconds: float = Field(
        60.0,
        ge=0,
        description="How long after the end of a minute rules look at it, in seconds, so that its spans have arrived.",
        examples=[120],
    )
    alerts_give_up_hours: float = Field(
        72.0, gt=0, description="For how long a notice that does not arrive is sent again, in hours.", examples=[24]
    )
    alerts_history_days: float = Field(
        90.0, gt=0, description="Days that the history of alerts is kept.", examples=[365]
    )
    webhook_allow: _AllowList = Field(
        ["public"],
        description="Where webhooks of alerts may go: hosts (with * and :port), addresses, networks, or public for"
        " every public address, comma-separated.",
        examples=["public,pager.internal:8443,10.1.0.0/16"],
    )
    public_url: HttpUrl | None = Field(
        None,
        description="Where people reach the page, for links in notices. Without it, notices have none.",
        examples=["https://llmflow.example"],
    )
