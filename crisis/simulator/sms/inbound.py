"""What happens when somebody in the town square answers from a phone: stored, opt-out words heeded, the webhook called.

The webhook's address comes from the accounts, or from one template for all of them.
"""

from dataclasses import dataclass

from crisis.simulator.accounts import SmsAccount
from crisis.simulator.ledger import Ledger
from crisis.simulator.sms import rules, whatsapp
from crisis.simulator.sms.callbacks import Callbacks
from crisis.simulator.sms.carrier import API_VERSION, Carrier, Message

STOP = {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"}
START = {"START", "UNSTOP", "YES"}
HELP = {"HELP", "INFO"}


class CannotSay(ValueError):
    """The text cannot be sent from that phone; the text says why."""


@dataclass(frozen=True)
class Said:
    """A text that was sent from a phone, and how the webhook took it (None: no webhook, or nobody answered)."""

    message: Message
    opt_out: str
    webhook: str
    answer: int | None


class Inbound:
    """The way from a phone to our webhook."""

    def __init__(
        self, accounts: tuple[SmsAccount, ...], carrier: Carrier, callbacks: Callbacks, ledger: Ledger, template: str
    ) -> None:
        """Post to `template` ({channel}, {account}, {number} are filled in) where an account names no address of its own."""
        self._accounts = accounts
        self._carrier = carrier
        self._callbacks = callbacks
        self._ledger = ledger
        self.template = template

    async def say(self, phone: str, text: str, to: str = "") -> Said:
        """Send a text from a phone; `to` defaults to whoever texted it last. Raises CannotSay."""
        if not rules.is_phone(phone.removeprefix(whatsapp.PREFIX)):
            raise CannotSay(f"{phone!r} is not a phone number like +4799900001")
        if not text.strip() or len(text) > rules.GREATEST_BODY:
            raise CannotSay(f"a text has 1 to {rules.GREATEST_BODY} characters")
        to = to or self._last_writer(phone)
        account, number, service = self._resolve(to)
        word = self._heed(account, phone, number, text)
        message = self._carrier.hear(account, phone, number, text, service)
        self._ledger.version += 1
        self._ledger.count("twilio", "inbound")
        channel = "whatsapp" if number.startswith(whatsapp.PREFIX) else "sms"
        url = self.address(account, number, channel, service)
        answer = None
        if url:
            form = self._form(message, word)
            answer = await self._callbacks.post(url, account.auth_token, form, f"inbound {message.sid}")
        return Said(message, word, url, answer)

    def _last_writer(self, phone: str) -> str:
        for message in reversed(self._carrier.phones.get(phone, ())):
            ours = message.to if message.direction == "inbound" else message.sender or message.service
            if ours:
                return ours
        raise CannotSay(f"nobody has texted {phone} yet: say which number it writes to")

    def _resolve(self, to: str) -> tuple[SmsAccount, str, str]:
        if to.startswith(whatsapp.PREFIX):
            found = next((one for one in self._accounts if to.removeprefix(whatsapp.PREFIX) in one.whatsapp), None)
            if found:
                return found, to, ""
        for account in self._accounts:
            if account.services.get(to):
                return account, account.services[to][0], to
            if to in account.numbers:
                pooled = next((sid for sid, pool in account.services.items() if to in pool), "")
                return account, to, pooled
        raise CannotSay(f"{to!r} is none of the simulator's numbers, so nobody can write to it")

    def _heed(self, account: SmsAccount, phone: str, number: str, text: str) -> str:
        if number.startswith(whatsapp.PREFIX):
            return ""  # Twilio's own opt-out words are for SMS
        word = text.strip().upper()
        senders = [number, *(sid for sid, pool in account.services.items() if number in pool)]
        if word in STOP:
            self._carrier.opted_out.update((sender, phone) for sender in senders)
            return "STOP"
        if word in START:
            self._carrier.opted_out.difference_update((sender, phone) for sender in senders)
            return "START"
        return "HELP" if word in HELP else ""

    def address(self, account: SmsAccount, number: str, channel: str, service: str = "") -> str:
        """The webhook for what comes in to a number; empty when there is none."""
        own = account.inbound_urls.get(number) or account.inbound_urls.get(service) or account.inbound_url
        filled = self.template.replace("{channel}", channel).replace("{account}", account.name)
        return ("" if channel == "voice" else own) or filled.replace("{number}", number.rpartition("+")[2])

    def _form(self, message: Message, word: str) -> dict[str, str]:
        form = {
            "AccountSid": message.account.sid,
            "ApiVersion": API_VERSION,
            "Body": message.body,
            "From": message.sender,
            "MessageSid": message.sid,
            "NumMedia": "0",
            "NumSegments": str(message.segments),
            "SmsMessageSid": message.sid,
            "SmsSid": message.sid,
            "SmsStatus": "received",
            "To": message.to,
        }
        if message.service:
            form["MessagingServiceSid"] = message.service
        if message.sender.startswith(whatsapp.PREFIX):
            number = message.sender.rpartition("+")[2]
            form |= {"ProfileName": f"Person {number[-3:]}", "WaId": number}
        if word:
            form["OptOutType"] = word
        return form
