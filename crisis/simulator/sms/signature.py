"""Signs webhooks the way Twilio does: HMAC-SHA1 over the address and the sorted form fields."""

import hashlib
import hmac
from base64 import b64encode


def sign(secret: str, url: str, form: dict[str, str]) -> str:
    """The value of X-Twilio-Signature. The part of the address after # is not signed."""
    signed = url.partition("#")[0] + "".join(name + form[name] for name in sorted(form))
    return b64encode(hmac.new(secret.encode(), signed.encode(), hashlib.sha1).digest()).decode()
