"""Lists messages a page at a time, by phone and by day or moment of sending, newest first.

Reads the carrier, changes nothing.
"""

from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from crisis.simulator.accounts import SmsAccount
from crisis.simulator.sms.carrier import Carrier, Message
from crisis.simulator.sms.rules import Refusal

_PARAMETERS = {"To", "From", "DateSent", "DateSent<", "DateSent>", "PageSize", "Page", "PageToken"}
GREATEST_PAGE = 1000


def page(carrier: Carrier, account: SmsAccount, query: dict[str, str], base: str) -> dict[str, Any]:
    """One page. Raises Refusal for a parameter Twilio does not know or cannot read."""
    # DateSent>=2026-01-31 arrives as the parameter "DateSent>", and so does the client's DateSent%3E=2026-01-31.
    if unknown := query.keys() - _PARAMETERS:
        raise Refusal(20001, f"unknown parameter {', '.join(sorted(unknown))}")
    size = _whole(query, "PageSize", 50, 1, GREATEST_PAGE)
    number = _whole(query, "Page", 0, 0, 1_000_000)
    low, high = _bounds(query)
    to, sender = query.get("To", ""), query.get("From", "")

    def fits(message: Message) -> bool:
        return (
            message.account is account
            and (not to or message.to == to)
            and (not sender or message.sender == sender)
            and (low is None or (message.sent or message.created) >= low)
            and (high is None or (message.sent or message.created) < high)
        )

    start = number * size
    found = list(islice(filter(fits, carrier.find(to, sender)), start, start + size + 1))
    shown = found[:size]
    kept = {name: value for name, value in query.items() if name not in ("Page", "PageToken")}

    def uri(at: int) -> str:
        token = {"PageToken": f"PA{shown[-1].sid}"} if at > number and shown else {}
        return f"{base}/{account.sid}/Messages.json?" + urlencode({**kept, "PageSize": size, "Page": at, **token})

    return {
        "end": start + max(len(shown) - 1, 0),
        "first_page_uri": uri(0),
        "next_page_uri": uri(number + 1) if len(found) > size else None,
        "page": number,
        "page_size": size,
        "previous_page_uri": uri(number - 1) if number else None,
        "start": start,
        "uri": uri(number),
        "messages": [message.resource() for message in shown],
    }


def _whole(query: dict[str, str], name: str, default: int, low: int, high: int) -> int:
    given = query.get(name, str(default))
    if not given.isdigit() or int(given) < low:
        raise Refusal(20001, f"{name} is not a whole number from {low}")
    return min(int(given), high)


def _bounds(query: dict[str, str]) -> tuple[float | None, float | None]:
    low = high = None
    if "DateSent" in query:
        begin, end = _span(query["DateSent"])
        low, high = begin, end
    if "DateSent>" in query:
        low = _span(query["DateSent>"])[0]
    if "DateSent<" in query:
        high = _span(query["DateSent<"])[1]
    return low, high


def _span(text: str) -> tuple[float, float]:
    """The first moment of what a date or a time says, and the first moment after it."""
    try:
        if len(text) == 10:
            day = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
            return day.timestamp(), (day + timedelta(days=1)).timestamp()
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = parsedate_to_datetime(text)
    except (ValueError, TypeError) as error:
        raise Refusal(20001, "DateSent is not a date like 2026-01-31") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.timestamp(), moment.timestamp() + 1


def numbers(account: SmsAccount, wanted: str, base: str) -> dict[str, Any]:
    """The account's own numbers and what they can do; `wanted` filters as Twilio does, by what a number begins with."""
    found = [one for one in account.numbers if one.startswith("+") and one.startswith(wanted)]
    able = {"sms": True, "mms": False, "voice": True, "fax": False}
    rows = [{"sid": f"PN{number:032x}", "phone_number": one, "capabilities": able} for number, one in enumerate(found)]
    address = f"{base}/{account.sid}/IncomingPhoneNumbers.json"
    return {
        "incoming_phone_numbers": [{**row, "account_sid": account.sid} for row in rows],
        "page": 0,
        "page_size": 50,
        "first_page_uri": address,
        "next_page_uri": None,
        "previous_page_uri": None,
        "uri": address,
        "start": 0,
        "end": max(0, len(rows) - 1),
    }
