"""WhatsApp at the pretend Twilio: templates and their approval, the day in which free text is allowed, read receipts.

A phone on WhatsApp is another phone than the same number by SMS, and is called `whatsapp:+47...` here as at Twilio.
"""

import json
import re
import time
from typing import Any

from crisis.simulator.accounts import SmsAccount
from crisis.simulator.sms.carrier import Carrier
from crisis.simulator.sms.rules import Order, Refusal, form_of, is_phone, options_of

PREFIX = "whatsapp:"
WINDOW = 24 * 3600
LONGEST = 1024
LONGEST_FREE = 1600
OUTSIDE = 63016
_PLACE = re.compile(r"\{\{(\w+)\}\}")
_REFUSED = re.compile(r"[\n\r\t]| {5,}")


def order(pairs: list[tuple[str, str]], account: SmsAccount) -> Order:
    """Check a form that is addressed to WhatsApp. Raises Refusal."""
    form = form_of(pairs)
    to, sender, service = form.get("To", ""), form.get("From", ""), form.get("MessagingServiceSid", "")
    if not is_phone(to.removeprefix(PREFIX)):
        raise Refusal(21211)
    number = sender.removeprefix(PREFIX)
    pooled = account.services.get(service, ())
    if not service and (not sender.startswith(PREFIX) or number not in account.whatsapp):
        raise Refusal(63007)
    if service and not set(pooled) & set(account.whatsapp):
        raise Refusal(63007)
    ours = number or next(one for one in pooled if one in account.whatsapp)
    template = form.get("ContentSid", "")
    if template and ("Body" in form or "MediaUrl" in form):
        raise Refusal(20001, "a template leaves no room for Body or MediaUrl")
    body = _filled(template, form.get("ContentVariables", "{}"), account) if template else form.get("Body", "")
    if not body.strip():
        raise Refusal(21602)
    if len(body) > (LONGEST if template else LONGEST_FREE):
        raise Refusal(21617)
    scheduled = options_of(form)
    callback = form.get("StatusCallback", "")
    return Order(to, body, PREFIX + ours, service, callback, (), scheduled=scheduled, template=template)


def outside_window(carrier: Carrier, asked: Order) -> bool:
    """Whether free text comes too late: the person has not written to this sender for a day."""
    if asked.template:
        return False
    since = time.time() - WINDOW
    talk = carrier.phones.get(asked.to, ())
    return not any(one.direction == "inbound" and one.to == asked.sender and one.created >= since for one in talk)


def content(account: SmsAccount, sid: str) -> dict[str, Any]:
    """A template as the Content API shows it. Raises Refusal."""
    known = _known(account, sid)
    places = _PLACE.findall(known["body"])
    return {
        "sid": sid,
        "account_sid": account.sid,
        "friendly_name": f"statement {known['language']}",
        "language": known["language"],
        "variables": dict.fromkeys(places, "text"),
        "types": {"twilio/text": {"body": known["body"]}},
        "url": f"https://content.twilio.com/v1/Content/{sid}",
    }


def approval(account: SmsAccount, sid: str) -> dict[str, Any]:
    """WhatsApp's word on a template. Raises Refusal."""
    known = _known(account, sid)
    about = {"type": "whatsapp", "name": "statement", "category": "UTILITY", "content_type": "twilio/text"}
    return {
        "sid": sid,
        "account_sid": account.sid,
        "whatsapp": {**about, "status": known.get("status", "approved"), "rejection_reason": ""},
        "url": f"https://content.twilio.com/v1/Content/{sid}/ApprovalRequests",
    }


def _known(account: SmsAccount, sid: str) -> dict[str, str]:
    if sid not in account.templates:
        raise Refusal(20404, status=404)
    return account.templates[sid]


def _filled(sid: str, variables: str, account: SmsAccount) -> str:
    try:
        given = json.loads(variables)
    except ValueError:
        given = None
    if not isinstance(given, dict) or not all(isinstance(one, str) for one in given.values()):
        raise Refusal(21656)
    body = _known(account, sid)["body"]
    if set(_PLACE.findall(body)) != set(given) or any(
        not one.strip() or _REFUSED.search(one) for one in given.values()
    ):
        raise Refusal(21656)
    return _PLACE.sub(lambda place: str(given[place[1]]), body)
