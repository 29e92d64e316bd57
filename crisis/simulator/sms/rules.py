"""Twilio's reasons to refuse a message, from the form alone and from its published magic numbers.

Pure: a form and an account in, a Refusal raised or an order out.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from crisis.simulator.accounts import SmsAccount

MESSAGES = {
    20001: "Invalid parameter",
    20003: "Authenticate",
    20008: "Resource not accessible with Test Account Credentials",
    20404: "The requested resource was not found",
    20429: "Too Many Requests",
    20500: "Internal Server Error",
    21211: "Invalid 'To' Phone Number",
    21212: "Invalid From Number (caller ID)",
    21408: "Permission to send an SMS has not been enabled for the region indicated by the 'To' number",
    21602: "Message body is required",
    21603: "A 'From' or 'MessagingServiceSid' parameter is required to send a message",
    21604: "A 'To' phone number is required",
    21606: "The 'From' phone number provided is not a valid message-capable Twilio phone number for this destination",
    21609: "Invalid 'StatusCallback' URL",
    21610: "Attempt to send to unsubscribed recipient",
    21611: "This 'From' number has exceeded the maximum number of queued messages",
    21612: "The 'To' phone number is not currently reachable via SMS",
    21614: "'To' number is not a valid mobile number",
    21656: "The ContentVariables Parameter is invalid",
    21617: "The concatenated message body exceeds the 1600 character limit",
    30003: "Unreachable destination handset",
    30004: "Message blocked",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message filtered",
    30008: "Unknown error",
    63007: "Twilio could not find a Channel with the specified From address",
    63016: "Failed to send freeform message because you are outside the allowed window. If you are using WhatsApp, please use a Message Template.",
}
MAGIC_FROM = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
MAGIC_TO = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
MAGIC_GOOD_FROM = "+15005550006"

PARAMETERS = frozenset(
    (  # noqa: SIM905 - a list of 26 quoted names reads worse
        "To From MessagingServiceSid Body MediaUrl StatusCallback ApplicationSid MaxPrice ProvideFeedback "
        "Attempt ValidityPeriod ForceDelivery ContentRetention AddressRetention SmartEncoded PersistentAction "
        "TrafficType ShortenUrls ScheduleType SendAt SendAsMms ContentVariables RiskCheck FallbackFrom "
        "ContentSid MessageIntent "
    ).split()
)
_CHOICES = {
    "ContentRetention": {"retain", "discard"},
    "AddressRetention": {"retain", "obfuscate"},
    "TrafficType": {"free"},
    "ScheduleType": {"fixed"},
    "RiskCheck": {"enable", "disable"},
}
_BOOLEANS = ("ProvideFeedback", "ForceDelivery", "SmartEncoded", "ShortenUrls", "SendAsMms")
_REPEATED = {"MediaUrl", "PersistentAction"}
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_URL = re.compile(r"https?://[^\s/_?#]+(?::\d+)?(?:[/?#]\S*)?")
GREATEST_BODY = 1600


class Refusal(Exception):
    """Twilio says no, with its code. `detail` is for the refusal log when the code says too little."""

    def __init__(self, code: int, detail: str = "", status: int = 400) -> None:
        """Look the public wording up by code."""
        super().__init__(detail or MESSAGES[code])
        self.code = code
        self.status = status
        self.message = MESSAGES[code] + (f": {detail}" if detail else "")


@dataclass(frozen=True, slots=True)
class Order:
    """A message that may be sent."""

    to: str
    body: str
    sender: str
    service: str
    callback: str
    media: tuple[str, ...]
    scheduled: bool
    template: str = ""


def is_phone(text: str) -> bool:
    """Whether a text is an E.164 number."""
    return _E164.fullmatch(text) is not None


def order(pairs: list[tuple[str, str]], account: SmsAccount) -> Order:
    """Check a form. Raises Refusal, in the order Twilio is seen to check."""
    form = form_of(pairs)
    for unplayed in ("ContentSid", "ContentVariables", "ApplicationSid"):
        if unplayed in form:
            raise Refusal(20001, f"this simulator does not play {unplayed}")
    to, sender, service = form.get("To", ""), form.get("From", ""), form.get("MessagingServiceSid", "")
    if not to:
        raise Refusal(21604)
    if not is_phone(to):
        raise Refusal(21211)
    if not sender and not service:
        raise Refusal(21603)
    media = tuple(value for name, value in pairs if name == "MediaUrl")
    body = form.get("Body", "")
    if not body.strip() and not media:
        raise Refusal(21602)
    if len(body) > GREATEST_BODY:
        raise Refusal(21617)
    _check_sender(sender, service, account)
    if code := MAGIC_TO.get(to):
        raise Refusal(code)
    if len(media) > 10:
        raise Refusal(20001, "more than ten MediaUrl")
    scheduled = options_of(form)
    return Order(to, body, sender, service, form.get("StatusCallback", ""), media, scheduled=scheduled)


def form_of(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """The form, each known name once. Raises Refusal."""
    form = dict(pairs)
    if len(form) != len(pairs):
        names = [name for name, _ in pairs]
        if twice := {name for name in names if names.count(name) > 1} - _REPEATED:
            raise Refusal(20001, f"{', '.join(sorted(twice))} is given twice")
    if unknown := form.keys() - PARAMETERS:
        raise Refusal(20001, f"unknown parameter {', '.join(sorted(unknown))}")
    return form


def options_of(form: dict[str, str]) -> bool:
    """Check what may go with any message; whether it is for later. Raises Refusal."""
    callback = form.get("StatusCallback", "")
    if callback and not _URL.fullmatch(callback):
        raise Refusal(21609)
    _check_options(form)
    return _scheduled(form)


def _check_sender(sender: str, service: str, account: SmsAccount) -> None:
    if code := MAGIC_FROM.get(sender):
        raise Refusal(code)
    if sender and sender != MAGIC_GOOD_FROM and sender not in account.numbers and sender not in account.alphanumeric:
        raise Refusal(21606 if is_phone(sender) else 21212)
    if service and service not in account.services:
        raise Refusal(20404, f"no messaging service {service}", 404)
    if service and sender and sender not in account.services[service]:
        raise Refusal(21606)


def _check_options(form: dict[str, str]) -> None:
    for name, allowed in _CHOICES.items():
        if name in form and form[name] not in allowed:
            raise Refusal(20001, f"{name} is none of {', '.join(sorted(allowed))}")
    for name in _BOOLEANS:
        if name in form and form[name].lower() not in ("true", "false"):
            raise Refusal(20001, f"{name} is not true or false")
    validity = form.get("ValidityPeriod", "1")
    if not validity.isdigit() or not 1 <= int(validity) <= 36_000:
        raise Refusal(20001, "ValidityPeriod is not between 1 and 36000")


def _scheduled(form: dict[str, str]) -> bool:
    if "ScheduleType" not in form and "SendAt" not in form:
        return False
    if not form.get("MessagingServiceSid") or not form.get("ScheduleType"):
        raise Refusal(20001, "scheduling needs MessagingServiceSid, ScheduleType and SendAt")
    try:
        moment = datetime.fromisoformat(form.get("SendAt", ""))
    except ValueError as error:
        raise Refusal(20001, "SendAt is not an ISO 8601 time") from error
    ahead = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime.now(UTC)
    if not timedelta(minutes=15) <= ahead <= timedelta(days=35):
        raise Refusal(20001, "SendAt is not between 15 minutes and 35 days ahead")
    return True
