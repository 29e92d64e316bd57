"""Twilio's reasons to refuse a call, from the form alone and from its published magic numbers.

Pure: a form and an account in, a Refusal raised or an order out.
"""

import re
from dataclasses import dataclass

from crisis.simulator.accounts import SmsAccount
from crisis.simulator.sms.rules import MESSAGES, Refusal, is_phone

MESSAGES.update(
    {
        21201: "No 'To' number is specified",
        21205: "Invalid URL",
        21208: "Invalid Timeout",
        21210: "'From' phone number not verified",
        21213: "'From' number is required",
        21214: "'To' phone number cannot be reached",
        21215: "Geo Permission configuration is not permitting call",
        21216: "Call blocked by Twilio blocklist",
        21217: "Phone number does not appear to be valid",
        21220: "Invalid call state",
        21234: "Invalid Machine Detection configuration value",
        21262: "No AMD status callback URL provided",
    }
)
MAGIC_FROM = {"+15005550001": 21212}
MAGIC_TO = {"+15005550001": 21217, "+15005550002": 21214, "+15005550003": 21215, "+15005550004": 21216}
MAGIC_GOOD_FROM = "+15005550006"
LONGEST_TWIML = 4_000
EVENTS = ("initiated", "ringing", "answered", "completed")
PARAMETERS = frozenset(
    (  # noqa: SIM905 - a list of 40 quoted names reads worse
        "To From Method FallbackUrl FallbackMethod StatusCallback StatusCallbackEvent StatusCallbackMethod SendDigits "
        "Timeout Record RecordingChannels RecordingStatusCallback RecordingStatusCallbackMethod SipAuthUsername "
        "SipAuthPassword MachineDetection MachineDetectionTimeout RecordingStatusCallbackEvent Trim CallerId "
        "MachineDetectionSpeechThreshold MachineDetectionSpeechEndThreshold MachineDetectionSilenceTimeout AsyncAmd "
        "AsyncAmdStatusCallback AsyncAmdStatusCallbackMethod Byoc CallReason CallToken RecordingTrack TimeLimit "
        "ClientNotificationUrl Url Twiml ApplicationSid"
    ).split()
)
PLAYED = frozenset(
    [
        "To",
        "From",
        "FallbackUrl",
        "StatusCallback",
        "StatusCallbackEvent",
        "Timeout",
        "MachineDetection",
        "AsyncAmd",
        "AsyncAmdStatusCallback",
        "Url",
        "Twiml",
        "TimeLimit",
    ]
)
_URL = re.compile(r"https?://[^\s/_?#]+(?::\d+)?(?:[/?#]\S*)?")


@dataclass(frozen=True, slots=True)
class Order:
    """A call that may be made."""

    to: str
    sender: str
    markup: str
    url: str = ""
    callback: str = ""
    events: tuple[str, ...] = ("completed",)
    ring: float = 60
    detect: bool = False
    heard_at: str = ""
    """Where a guess about machines is posted."""
    fallback: str = ""


def order(pairs: list[tuple[str, str]], account: SmsAccount) -> Order:
    """Check a form. Raises Refusal."""
    names = [name for name, _ in pairs]
    if unknown := sorted(set(names) - PARAMETERS):
        raise Refusal(20001, f"unknown parameter {', '.join(unknown)}")
    if unplayed := sorted(set(names) - PLAYED):
        raise Refusal(20001, f"this simulator does not play {', '.join(unplayed)}")
    if twice := {name for name in names if names.count(name) > 1} - {"StatusCallbackEvent"}:
        raise Refusal(20001, f"{', '.join(sorted(twice))} is given twice")
    form = dict(pairs)
    to, sender = form.get("To", ""), form.get("From", "")
    if not to:
        raise Refusal(21201)
    if not is_phone(to):
        raise Refusal(21211)
    if code := MAGIC_TO.get(to):
        raise Refusal(code)
    if not sender:
        raise Refusal(21213)
    if code := MAGIC_FROM.get(sender):
        raise Refusal(code)
    if sender != MAGIC_GOOD_FROM and sender not in account.numbers:
        raise Refusal(21210)
    markup, url = form.get("Twiml", ""), form.get("Url", "")
    if not markup and not url:
        raise Refusal(21205, "neither Url nor Twiml is given")
    if len(markup) > LONGEST_TWIML:
        raise Refusal(20001, f"Twiml has more than {LONGEST_TWIML} characters")
    for name in ("Url", "FallbackUrl", "StatusCallback", "AsyncAmdStatusCallback"):
        if form.get(name) and not _URL.fullmatch(form[name]):
            raise Refusal(21205, f"{name} is no address")
    events = tuple(value for name, value in pairs if name == "StatusCallbackEvent") or ("completed",)
    if set(events) - set(EVENTS):
        raise Refusal(20001, f"StatusCallbackEvent is one of {', '.join(EVENTS)}")
    ring = form.get("Timeout", "60")
    if not ring.isdigit() or not 1 <= int(ring) <= 600:
        raise Refusal(21208)
    return Order(
        to=to,
        sender=sender,
        markup="" if url else markup,  # Twilio docs: Twiml is ignored when Url is given
        url=url,
        callback=form.get("StatusCallback", ""),
        events=events,
        ring=float(ring),
        detect=_detects(form),
        heard_at=form.get("AsyncAmdStatusCallback", ""),
        fallback=form.get("FallbackUrl", ""),
    )


def _detects(form: dict[str, str]) -> bool:
    if form.get("MachineDetection", "Enable") not in ("Enable", "DetectMessageEnd"):
        raise Refusal(21234)
    if form.get("AsyncAmd", "false") not in ("true", "false"):
        raise Refusal(21234)
    if form.get("AsyncAmd") == "true" and not form.get("AsyncAmdStatusCallback"):
        raise Refusal(21262)
    return "MachineDetection" in form
