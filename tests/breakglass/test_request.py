"""What the command line is refused for: everything at once, in words, and before anything is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from crisis.breakglass.request import Checked, Refused, check
from crisis.breakglass.statement import prepare
from crisis.models import Account, Broadcast, Destination, Incident, SignOff, Unit, User
from crisis.playbooks import signoff
from crisis.runtime import match_settings
from crisis.states import Mode
from tests.breakglass.scene import MACHINE, TITLE, Vault, request
from tests.stories.town import SLOTS


def checked(here: Vault, **more: object) -> Checked:
    parts = here.town.runtime
    with parts.database.reading() as session:
        return check(session, parts.settings, parts.playbooks.shelf(), request(**more), datetime.now(UTC))


def refused(here: Vault, **more: object) -> str:
    with pytest.raises(Refused) as caught:
        checked(here, **more)
    assert here.count(Incident) == here.count(Broadcast) == 0
    return "\n".join(caught.value.mistakes)


NETWORKS = ["bluesky-ous", "facebook-ous", "linkedin-ous", "mastodon-ous", "threads-ous", "wordpress-ous"]
EVERYWHERE = sorted([*NETWORKS, "email-ous", "page-ous", "sms-ous", "x-ous"])  # the scene has no Instagram


def test_what_is_asked_for_is_found(here: Vault) -> None:
    here.town.populate(2)
    found = checked(here)
    assert found.incident_id is None
    assert found.accounts == EVERYWHERE
    assert checked(here, channels=("sms",)).accounts == ["sms-ous"]
    assert all("drill" in key for key in checked(here, mode=Mode.DRILL).accounts)


def test_an_account_kept_for_another_says_nothing_twice_and_stands_in_nobodys_way(here: Vault) -> None:
    here.town.populate(1)
    parts, told = here.town.runtime, list(here.town.runtime.settings.accounts)
    (own,) = [one for one in told if one.key == "sms-ous"]
    told[told.index(own)] = own.model_copy(update={"fallback": "sms-spare"})
    told.append(own.model_copy(update={"key": "sms-spare", "fallback": None}))
    settings = parts.settings.model_copy(update={"accounts": tuple(told)})
    with parts.database.writing() as session:
        match_settings(session, settings)
    with parts.database.writing() as session:
        found = check(session, settings, parts.playbooks.shelf(), request(), datetime.now(UTC))
        assert found.accounts == EVERYWHERE
        actor = MACHINE.actor(session.get_one(User, found.user_id))
        made = prepare(session, actor, settings, found, datetime.now(UTC))
        assert session.get_one(Broadcast, made.broadcast_id).accounts
        session.rollback()


@pytest.mark.parametrize(
    ("more", "say"),
    [
        ({"playbook": "earthquake"}, "playbook 'earthquake' is not there; known are "),
        ({"message": "goodbye"}, "has no message 'goodbye'; it has initial, update, correction, all_clear"),
        ({"unit": "hus"}, "there is no unit 'hus'; known are "),
        ({"unit": "dsa"}, "is not for a public body"),
        ({"login": "nobody"}, "'nobody' is nobody with the officer role in unit 'ous'"),
        ({"login": "seer"}, "'seer' is nobody with the officer role in unit 'ous'"),
        ({"slots": SLOTS | {"place": ""}}, "slot place: this has to be filled in"),
        ({"slots": SLOTS | {"place": "ved " * 40}}, "slot place: "),
        ({"slots": SLOTS | {"plase": "Oslo"}}, "slot plase: this message has no slot 'plase'; it has place, hospital"),
        ({"slots": SLOTS | {"hospital": "st elsewhere"}}, "slot hospital: "),
        ({"channels": ("fax",)}, "unit 'ous' has no live account for 'fax'; it has "),
        ({"audiences": ("everybody",)}, "unit 'ous' has no group 'everybody'"),
        ({"channels": ("sms",), "audiences": ()}, "nobody would get this"),
        ({"incident": " "}, "give the incident a title"),
        ({"incident": "x" * 121}, "1 characters too long"),
        ({"incident": "0192f0c8-0000-7000-8000-000000000000"}, "there is no open incident"),
    ],
)
def test_refusals(here: Vault, more: dict[str, object], say: str) -> None:
    if more.get("unit") == "dsa":
        more = more | {"unit": next(one.key for one in here.town.runtime.settings.units if one.kind == "public_body")}
    assert say in refused(here, **more)


def test_all_mistakes_are_told_at_once(here: Vault) -> None:
    slots = {"place": "", "hospital": "st elsewhere", "extra": "1"}
    said = refused(here, slots=slots, login="nobody", channels=("fax",), audiences=("everybody",), incident="x" * 200)
    for part in (
        "slot place",
        "slot hospital",
        "slot extra",
        "slot kin_phone",
        "nobody",
        "fax",
        "everybody",
        "too long",
    ):
        assert part in said


def _unsigned(here: Vault) -> None:
    with here.town.runtime.database.writing() as session:
        session.query(SignOff).delete()


def _revoked(here: Vault) -> None:
    with here.town.runtime.database.writing() as session:
        session.execute(update(SignOff).values(revoked_at=datetime.now(UTC)))


def _run_out(here: Vault) -> None:
    with here.town.runtime.database.writing() as session:
        session.execute(update(SignOff).values(expires_at=datetime.now(UTC) - timedelta(minutes=1)))


def _other_text(here: Vault) -> None:
    with here.town.runtime.database.writing() as session:
        session.execute(update(SignOff).values(digest="0" * 64))


@pytest.mark.parametrize(
    ("spoil", "say"),
    [
        (_unsigned, "nobody has signed this message off"),
        (_revoked, "the sign-off was taken back"),
        (_run_out, "the sign-off has run out"),
        (_other_text, "the text or its rules changed after the sign-off"),
    ],
)
def test_what_is_not_signed_off_is_refused(here: Vault, spoil, say: str) -> None:
    here.town.populate(1)
    spoil(here)
    assert f"one officer may not release this: {say}" in refused(here)


def test_what_needs_two_people_is_refused(here: Vault) -> None:
    here.town.populate(1)
    shelf = here.town.runtime.playbooks.shelf()
    dual = [
        (book, key) for book in shelf.playbooks.values() for key, one in book.messages.items()
        if one.authority == "dual" and book.kind == "hospital"
    ]  # fmt: skip
    assert dual
    for book, key in dual:
        assert "asks for a second person" in refused(here, playbook=book.id, message=key)


def test_an_officer_who_may_no_longer_sign_in_is_refused(here: Vault) -> None:
    with here.town.runtime.database.writing() as session:
        session.execute(update(User).values(disabled_at=datetime.now(UTC)))
    assert "'vakt' is nobody with the officer role" in refused(here)


def test_an_open_incident_is_found_by_title_and_by_id(here: Vault) -> None:
    here.town.populate(1)
    incident_id = here.town.open(Mode.LIVE, TITLE)
    assert checked(here, incident=f"  {TITLE.upper()} ").incident_id == incident_id
    assert checked(here, incident=str(incident_id)).incident_id == incident_id
    # A drill of the same name is another one; a live incident never becomes a drill.
    assert checked(here, mode=Mode.DRILL).incident_id is None
    with pytest.raises(Refused, match="is live, and stays so"):
        checked(here, incident=str(incident_id), mode=Mode.DRILL)
    here.town.open(Mode.LIVE, TITLE)
    with pytest.raises(Refused, match="2 open incidents"):
        checked(here)


def test_an_account_that_is_gone_from_the_settings_is_not_used(here: Vault) -> None:
    here.town.populate(1)
    with here.town.runtime.database.writing() as session:
        unit_id = session.scalars(select(Unit.id).where(Unit.key == "ous")).one()
        session.add(Account(key="old", unit_id=unit_id, channel="x", mode=Mode.LIVE))
        session.execute(update(Destination).values(consent=True))
    assert "old" not in checked(here).accounts


def test_the_newest_signature_counts(here: Vault) -> None:
    """An older one does not come back into force when a newer one was taken back."""
    here.town.populate(1)
    parts = here.town.runtime
    now = datetime.now(UTC)
    with parts.database.writing() as session:
        unit_id = session.scalars(select(Unit.id).where(Unit.key == "ous")).one()
        user_id = session.scalars(select(User.id).where(User.login == "vakt")).one()
        book = parts.playbooks.shelf().playbooks["mass-casualty"]
        row = signoff.sign(
            session, unit_id, book, "initial", user_id, now + timedelta(days=9), now + timedelta(seconds=1)
        )
        signoff.revoke(row, now)
    assert "the sign-off was taken back" in refused(here)
