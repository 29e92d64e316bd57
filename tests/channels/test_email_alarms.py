"""Mail that raises an alarm: only when it is proven, whatever its headers claim."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from pydantic import ValidationError

from crisis.channels.email.alarms import AlarmAddress, Alarms
from crisis.settings import SecretRef

AT = datetime(2026, 3, 10, tzinfo=UTC)
BY_TOKEN = AlarmAddress(address="vakt-it@example.org", escalation="it", token=SecretRef(env="ALARM"))
BY_SENDER = AlarmAddress(
    address="vakt-bygg@example.org", senders=("@sensors.example.com", "porten@annet.no"), server="mx.example.org"
)
PASS = "mx.example.org; spf=pass smtp.mailfrom=x@y.z; dkim=pass header.d=sensors.example.com header.s=a"


@pytest.fixture
def alarms(monkeypatch: pytest.MonkeyPatch) -> Alarms:
    monkeypatch.setenv("ALARM", "k7hemmelig")
    return Alarms.of([BY_TOKEN, BY_SENDER])


def mail(to: str, sender: str = "robot@sensors.example.com", *results: str, **more: str) -> bytes:
    made = EmailMessage()
    for one in results:
        made["Authentication-Results"] = one
    made["From"], made["To"], made["Subject"] = sender, to, "[disk-7] Disk full"
    made["Auto-Submitted"] = "auto-generated"  # which machines say of themselves
    for name, value in more.items():
        made[name.replace("_", "-")] = value
    made.set_content("90 percent")
    return made.as_bytes()


def test_the_secret_in_the_address_proves_it(alarms: Alarms) -> None:
    found = alarms.read(mail("Vakt <vakt-it+K7hemmelig@example.org>"), name="1:7", at=AT)
    assert found is not None
    assert (found.service, found.escalation, found.subject) == ("vakt-it@example.org", "it", "[disk-7] Disk full")
    assert found.text.strip() == "90 percent"
    assert "hemmelig" not in repr(found)
    hidden = mail("list@example.org", Delivered_To="vakt-it+k7hemmelig@example.org")
    assert alarms.read(hidden, name="1:8", at=AT) is not None


def test_a_known_sender_whose_domain_signed_proves_it(alarms: Alarms) -> None:
    found = alarms.read(mail("vakt-bygg@example.org", "robot@sensors.example.com", PASS), name="1:7", at=AT)
    assert found is not None
    assert (found.service, found.escalation) == ("vakt-bygg@example.org", "")


@pytest.mark.parametrize(
    "raw",
    [
        mail("vakt-it@example.org"),
        mail("vakt-it+k7hemmeli@example.org"),
        mail("vakt-it+@example.org"),
        mail("vakt-it+k7hemmelig@evil.org"),
        mail("vakt-bygg@example.org"),
        mail(
            "vakt-bygg@example.org", "robot@sensors.example.com", "mx.evil.org; dkim=pass header.d=sensors.example.com"
        ),
        mail(
            "vakt-bygg@example.org",
            "robot@sensors.example.com",
            "mx.example.org; dkim=fail header.d=sensors.example.com",
        ),
        mail("vakt-bygg@example.org", "robot@sensors.example.com", "mx.example.org; dkim=pass header.d=evil.org"),
        mail("vakt-bygg@example.org", "robot@sensors.example.com", "mx.example.org; dkim=pass header.d=com"),
        mail("vakt-bygg@example.org", "robot@sensors.example.com", "mx.example.org; spf=pass", PASS),  # ours is on top
        mail("vakt-bygg@example.org", "robot@evil.org", PASS),
        mail("vakt-bygg@example.org", '"robot@sensors.example.com" <x@evil.org>', PASS),
        mail("vakt-bygg@example.org", "x@evilsensors.example.com", PASS),
        mail("annet@example.org", "robot@sensors.example.com", PASS),
        b"\xff\xfe not a mail at all",
        b"From: \r\nTo: \r\nCc: a@\r\nDelivered-To: [\r\n\r\nhi",
        b"",
    ],
)
def test_everything_else_is_ordinary_mail(alarms: Alarms, raw: bytes) -> None:
    assert alarms.read(raw, name="1:7", at=AT) is None


@pytest.mark.parametrize("copy", ["Cc: a@", 'Cc: "', "Cc: [", "Cc: ("])
def test_another_header_that_is_broken_keeps_no_alarm_from_us(alarms: Alarms, copy: str) -> None:
    raw = f"From: a@b.no\r\nTo: vakt-it+k7hemmelig@example.org\r\n{copy}\r\nSubject: [disk-7] Disk full\r\n\r\n90"
    found = alarms.read(raw.encode(), name="1:7", at=AT)
    assert found is not None
    assert found.subject == "[disk-7] Disk full"


def test_an_address_anybody_could_use_is_a_mistake() -> None:
    for told in ({}, {"senders": ("@a.no",)}, {"server": "mx"}):
        with pytest.raises(ValidationError, match="anybody could raise an alarm"):
            AlarmAddress(address="vakt@example.org", **told)  # type: ignore[arg-type]
