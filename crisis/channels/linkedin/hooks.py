"""Webhooks of LinkedIn: the challenge it repeats every two hours, and notifications about our posts.

Both are proven with the app's secret (LinkedIn docs, webhook validation). Nothing here calls anybody.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from urllib.parse import parse_qs, urlsplit

from crisis.channels.base import BadSignature, Hook, HookEvents, SendError
from crisis.channels.linkedin import words

# The challenge is signed with the same key as notifications. Were any text signed for anybody who asks, the answer to a
# code that begins with "hmacsha256=" would be the signature of a forged notification.
_CODE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def read_hook(hook: Hook, secret: str, own: str) -> HookEvents:
    """Comments under the posts of the organisation `own`. Raises `BadSignature`."""
    if not secret:
        raise BadSignature("no client_secret is configured, so nothing can be proven")
    if hook.method == "GET":
        return _challenge(hook, secret)
    given = next((value for name, value in hook.headers.items() if name.lower() == "x-li-signature"), "")
    if not hmac.compare_digest(_signed(secret, b"hmacsha256=" + hook.body).encode(), given.encode()):
        raise BadSignature("X-LI-Signature does not match")
    try:
        told = json.loads(hook.body)["notifications"]
        mine = [one for one in told if one.get("organizationalEntity", own) == own]
        return HookEvents(inbounds=[said for one in mine if (said := words.inbound(one, own))])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, SendError):
        return HookEvents()  # proven but not understood: asking brings the same comments


def _challenge(hook: Hook, secret: str) -> HookEvents:
    code = parse_qs(urlsplit(hook.url).query).get("challengeCode", [""])[0]
    if not _CODE.fullmatch(code):
        raise BadSignature("no challengeCode, or one that is no UUID")
    proof = {"challengeCode": code, "challengeResponse": _signed(secret, code.encode())}
    return HookEvents(answer=json.dumps(proof), content_type="application/json")


def _signed(secret: str, what: bytes) -> str:
    return hmac.new(secret.encode(), what, hashlib.sha256).hexdigest()
