"""What accounts at Twilio say in crisis.toml."""

from __future__ import annotations

from pydantic import Field, model_validator

from crisis.settings import Frozen, SecretRef

TWILIO = "https://api.twilio.com"


class TwilioOptions(Frozen):
    """The keys of crisis.toml that every account at Twilio has."""

    account_sid: str = Field(pattern=r"^AC[0-9a-fA-F]{32}$", description="the Twilio account")
    auth_token: SecretRef = Field(description="proves webhooks, and signs calls when there is no API key")
    api_key_sid: str | None = Field(default=None, pattern=r"^SK[0-9a-fA-F]{32}$", description="an API key for calls")
    api_key_secret: SecretRef | None = Field(default=None, description="the secret of that API key")
    shared_key: SecretRef | None = Field(default=None, description="for webhooks that Twilio signs with SHA-256")
    base_url: str = Field(default=TWILIO, pattern=r"^https?://[^\s/]+$", description="where the API is")
    low_balance: float = Field(default=20, ge=0, description="below this the nightly test says that money runs out")
    connect_seconds: float = Field(default=5, gt=0, le=60, description="longest wait for a connection")
    read_seconds: float = Field(default=15, gt=0, le=120, description="longest wait for an answer")

    @model_validator(mode="after")
    def _whole_key(self) -> TwilioOptions:
        if (self.api_key_sid is None) != (self.api_key_secret is None):
            msg = "api_key_sid and api_key_secret belong together; give both or neither"
            raise ValueError(msg)
        return self


class TextOptions(TwilioOptions):
    """What accounts for texts have besides."""

    validity_minutes: int | None = Field(default=None, ge=1, le=600, description="older texts are not sent")


def one_sender(number: str | None, service: str | None) -> None:
    """Raises `ValueError` unless exactly one of the two is given."""
    if (number is None) == (service is None):
        msg = "give one sender: from_number or messaging_service_sid"
        raise ValueError(msg)
