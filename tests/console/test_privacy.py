"""The rules are shown, one author is erased on request, exports stand in the record, and abuse is hidden from its page."""

from __future__ import annotations

import csv
import io
import uuid
from typing import Any

from sqlalchemy import select

from crisis.models import AbuseReport, Account, AuditRow, Hiding, InboundRow, Incident, Unit, User
from crisis.runtime import Runtime
from crisis.states import Mode, Role
from tests.console.conftest import send
from tests.console.test_triage import hear


def test_one_author_is_erased_and_only_administrators_may(runtime: Runtime, sign_in: Any, make_user: Any) -> None:
    first, second = hear(runtime, "Hva skjer på Oslo S", "Når åpner inngangen igjen")
    officer, admin = sign_in(make_user("ola", Role.OFFICER)), sign_in(make_user("anne", Role.ADMINISTRATOR))
    assert "/privacy/erase" not in officer.get("/privacy").text
    assert send(officer, "/privacy", "/privacy/erase", author="+4790000000").status_code == 403  # type: ignore[attr-defined]
    send(admin, "/privacy", "/privacy/erase", author="+4790000000")
    with runtime.database.reading() as session:
        rows = {row.id: row for row in session.scalars(select(InboundRow))}
    assert (rows[first].text, rows[first].author) == ("", "")
    assert rows[second].text
    html = admin.get("/privacy").text
    assert "1 melding" in html
    assert "+479000000" not in html


def test_an_export_is_the_incident_alone_and_stands_in_the_record(
    runtime: Runtime, sign_in: Any, make_user: Any
) -> None:
    said, other = hear(runtime, "=cmd|' /C calc'!A0 hva skjer", "Noe helt annet")
    with runtime.database.writing() as session:
        row = session.get_one(InboundRow, said)
        incident = Incident(unit_id=row.unit_id, mode=Mode.LIVE, title="Oslo S", playbook="mass-casualty")
        session.add(incident)
        session.flush()
        row.incident_id, incident_id = incident.id, incident.id
        session.get_one(InboundRow, other).incident_id = None
    client = sign_in(make_user("anne", Role.OFFICER))
    answer = client.get(f"/incidents/{incident_id}/heard.csv")
    lines = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [line["text"] for line in lines] == ["'=cmd|' /C calc'!A0 hva skjer"]
    assert "attachment" in answer.headers["Content-Disposition"]
    assert client.get(f"/incidents/{incident_id}/heard.json").get_json()[0]["text"].startswith("=cmd")
    with runtime.database.reading() as session:
        assert session.scalars(select(AuditRow.act)).all().count("inbound.exported") == 2
    viewer = sign_in(make_user("vidar", Role.VIEWER))
    assert viewer.get(f"/incidents/{incident_id}/heard.csv").status_code == 403


def test_abuse_is_hidden_from_its_page(runtime: Runtime, sign_in: Any, make_user: Any) -> None:
    with runtime.database.writing() as session:
        unit_id = session.scalars(select(Unit.id).where(Unit.key == "ous")).one()
        session.add(Account(key="x-ous-live", unit_id=unit_id, channel="x", mode=Mode.LIVE, languages=["nb"]))
    (said,) = hear(runtime, "Dere er noen idioter", account="x-ous-live")
    client = sign_in(make_user("kari", Role.TRIAGER))
    page = f"/triage/{said}"
    send(client, "/triage", "/triage/do", do=f"claim {said}", mode="live")
    assert f"{page}/hide" in client.get(page).text
    send(client, page, f"{page}/hide")
    with runtime.database.reading() as session:
        kept = session.scalars(select(Hiding)).one()
        assert (kept.inbound_id, kept.state) == (uuid.UUID(str(said)), "asked")
        assert session.get(User, kept.asked_by).login == "kari"  # type: ignore[union-attr]
    assert "blir skjult" in client.get(page).text


def test_abuse_is_reported_from_its_page_as_what_it_is(runtime: Runtime, sign_in: Any, make_user: Any) -> None:
    with runtime.database.writing() as session:
        unit_id = session.scalars(select(Unit.id).where(Unit.key == "ous")).one()
        session.add(Account(key="mastodon-ous", unit_id=unit_id, channel="mastodon", mode=Mode.LIVE))
    (said,) = hear(runtime, "Dere er noen idioter", account="mastodon-ous")
    client, page = sign_in(make_user("kari", Role.TRIAGER)), f"/triage/{said}"
    send(client, "/triage", "/triage/do", do=f"claim {said}", mode="live")
    html = client.get(page).text
    assert f"{page}/report" in html
    assert f"{page}/hide" not in html, "Mastodon lets nobody hide what others write"
    send(client, page, f"{page}/report")
    assert "Velg hva som er galt" in client.get(page).text
    send(client, page, f"{page}/report", kind="harassment")
    with runtime.database.reading() as session:
        kept = session.scalars(select(AbuseReport)).one()
        assert (str(kept.inbound_id), kept.kind, kept.state) == (str(said), "harassment", "asked")
    html = client.get(page).text
    assert "blir meldt" in html
    assert kept.sha256 in html, "the evidence can be read"
    viewer = sign_in(make_user("vidar", Role.VIEWER))
    assert send(viewer, page, f"{page}/report", kind="spam").status_code == 403


def test_the_copy_kept_as_evidence_is_said_when_its_author_is_erased(
    runtime: Runtime, sign_in: Any, make_user: Any
) -> None:
    (said,) = hear(runtime, "Dere er noen idioter")
    with runtime.database.writing() as session:
        row = session.get_one(InboundRow, said)
        copied = {"author": row.author, "text": row.text, "sha256": "0" * 64, "said_at": row.at}
        session.add(Hiding(inbound_id=row.id, account_id=row.account_id, provider_id=row.provider_id, **copied))
        author = row.author
    admin = sign_in(make_user("anne", Role.ADMINISTRATOR))
    assert "1 kopi er tatt vare på" in admin.get("/privacy").text
    send(admin, "/privacy", "/privacy/erase", author=author)
    assert "1 kopi står igjen" in admin.get("/privacy").text
    assert "Dere er noen idioter" in admin.get(f"/triage/{said}").text
    send(admin, "/privacy", "/privacy/erase", author=author, evidence="yes")
    assert "Dere er noen idioter" not in admin.get(f"/triage/{said}").text


def test_the_first_page_counts_who_waits(runtime: Runtime, sign_in: Any, make_user: Any) -> None:
    hear(runtime, "Hjelp, vi er fanget i kjelleren på Oslo S, tre personer er skadet og det ryker her")
    html = sign_in(make_user("kari", Role.TRIAGER)).get("/").text
    assert "Folk venter på svar" in html
    assert "Fare for liv 1" in html
