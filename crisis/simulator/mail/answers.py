"""Mail that comes back: what somebody answers, and the report of a mail server that could not deliver. Pure."""

from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr

from crisis.simulator.mail.mailboxes import Mail


def answer(mail: Mail, text: str, at: datetime) -> bytes:
    """What the person who got `mail` writes back."""
    made = _headers(mail, mail.to, f"Re: {mail.subject}", at)
    made["In-Reply-To"] = made["References"] = mail.message_id
    made.set_content(f"{text}\n")
    return made.as_bytes()


def bounce(mail: Mail, at: datetime) -> bytes:
    """What a mail server reports that took `mail` and found no mailbox (RFC 3464)."""
    made = _headers(mail, "mailer-daemon@simulator.example", "Undelivered Mail Returned to Sender", at)
    made["Auto-Submitted"] = "auto-replied"
    made["MIME-Version"] = "1.0"
    made["Content-Type"] = 'multipart/report; report-type=delivery-status; boundary="part"'
    made.set_payload(
        f"--part\n\nThe mail could not be delivered.\n"
        f"--part\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; simulator.example\n\n"
        f"Final-Recipient: rfc822; {mail.to}\nAction: failed\nStatus: 5.1.1\n"
        f"Diagnostic-Code: smtp; 550 5.1.1 No such mailbox\n\n"
        f"--part\nContent-Type: text/rfc822-headers\n\nMessage-ID: {mail.message_id}\nTo: {mail.to}\n\n--part--\n"
    )
    return made.as_bytes()


def _headers(mail: Mail, sender: str, subject: str, at: datetime) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, parseaddr(mail.header_from)[1], subject
    made["Date"], made["Message-ID"] = format_datetime(at), make_msgid(domain="simulator.example")
    return made
