"""The pages of a call-out: prepared, looked at, let go, watched, helped along and reported, by officers alone."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from crisis.models import Ask, Broadcast, CallOut, Delivery, Destination, Need, Person
from crisis.oncall import answering, filling
from crisis.oncall.answering import Said
from crisis.states import AskState, BroadcastState, CallOutState, Mode, Role
from tests.console.scene import Browser, Night, a_night

WORDS = {"slot-place": "Oslo S", "slot-hospital": "ulleval"}


@pytest.fixture
def night(tmp_path: Path, database_url: str) -> Iterator[Night]:
    with a_night(tmp_path, database_url) as made:
        made.scene.sign_off("call_out")
        staff(made, "nurse", 6)
        staff(made, "surgeon", 2)
        yield made


@pytest.fixture
def kari(night: Night) -> Browser:
    return night.browser("kari")


def staff(night: Night, skill: str, count: int) -> None:
    with night.scene.runtime.database.writing() as session:
        for _ in range(count):
            night.scene.born += 1
            number = night.scene.born
            person = Person(
                unit_id=night.scene.units["ous"],
                reference=f"s-{number:04}",
                name=f"{skill.title()} {number}",
                skills=[skill],
            )
            person.destinations = [Destination(medium="phone", address=f"+47{92_000_000 + number}")]
            session.add(person)


def planned(night: Night, kari: Browser, *needs: tuple[str, int], mode: Mode = Mode.LIVE, **more: object) -> uuid.UUID:
    """Fill in the form, as an officer does; gives the call-out's id."""
    incident = night.scene.incident(mode)
    page = f"/incidents/{incident}/call-outs/new?message=call_out"
    form = {"skill": [skill for skill, _ in needs], "number": [str(n) for _, n in needs], "by": ["" for _ in needs]}
    usual = {"message": "call_out", "title": "Mange skadde", "override_quiet": "yes", **WORDS}
    answer = kari.send(page, f"/incidents/{incident}/call-outs", **usual, **form, **more)
    assert answer.status_code == 302, answer.text
    return uuid.UUID(answer.location.rsplit("/", 1)[1])


def released(night: Night, kari: Browser, *needs: tuple[str, int], **more: object) -> uuid.UUID:
    made = planned(night, kari, *needs, **more)  # type: ignore[arg-type]
    answer = kari.send(f"/call-outs/{made}", f"/call-outs/{made}/release", read="yes")
    assert answer.location == f"/call-outs/{made}/board", kari.get(answer.location).text
    return made


def row(night: Night, made: uuid.UUID) -> CallOut:
    with night.scene.runtime.database.reading() as session:
        found = session.get_one(CallOut, made)
        _ = found.needs
        session.expunge_all()
        return found


def asks(night: Night, made: uuid.UUID) -> list[Ask]:
    with night.scene.runtime.database.reading() as session:
        found = list(session.scalars(select(Ask).where(Ask.call_out_id == made).order_by(Ask.position)))
        session.expunge_all()
        return found


def says(night: Night, ask: Ask, word: str, minutes: int | None = None, raw: str = "") -> None:
    with night.scene.runtime.database.writing() as session:
        said = Said(word, "sms", f"{word}{raw}{ask.id}", minutes, raw)
        answering.answer(session, ask.id, said, datetime.now(UTC))


def board(kari: Browser, made: uuid.UUID) -> str:
    return kari.get(f"/call-outs/{made}/board").text


def test_from_the_form_to_the_report(night: Night, kari: Browser) -> None:
    made = planned(night, kari, ("nurse", 2), ("surgeon", 1))
    assert asks(night, made) == []  # nobody is asked by preparing
    html = kari.get(f"/call-outs/{made}").text
    assert "The 5 most likely to come are asked first." in html
    assert "(their own address)" in html
    assert 'name="read"' in html  # real: a sentence is ticked first
    refused = kari.follow(f"/call-outs/{made}", f"/call-outs/{made}/release")
    assert "tick the sentence" in refused
    assert row(night, made).state is CallOutState.PLANNED
    kari.send(f"/call-outs/{made}", f"/call-outs/{made}/release", read="yes")
    first = [one for one in asks(night, made) if one.tries]
    assert len(first) == 5
    html = board(kari, made)
    assert "count-down" in html
    assert "0 of 3 are coming." in html
    nurse, other, surgeon = _by_skill(night, first, "nurse", "nurse", "surgeon")
    says(night, nurse, "yes")
    says(night, surgeon, "later", 45)
    says(night, other, "no")
    html = board(kari, made)
    assert "2 of 3 are coming." in html
    assert "here at" in html
    third = next(
        one for one in asks(night, made) if one.state is AskState.RINGING and one.id not in (nurse.id, other.id)
    )
    says(night, third, "yes")
    assert row(night, made).state is CallOutState.FILLED
    assert "Enough are coming: 3 of 3." in board(kari, made)
    html = kari.follow(f"/call-outs/{made}/board", f"/call-outs/{made}/finish")
    assert "3 of 3 came." in html
    assert row(night, made).state is CallOutState.CLOSED


def _by_skill(night: Night, there: list[Ask], *skills: str) -> list[Ask]:
    with night.scene.runtime.database.reading() as session:
        known = {one: session.get_one(Person, one.person_id).skills for one in there}
    left, found = list(there), []
    for skill in skills:
        one = next(one for one in left if skill in known[one])
        left.remove(one)
        found.append(one)
    return found


def test_a_second_press_releases_nothing_twice(night: Night, kari: Browser) -> None:
    made = released(night, kari, ("nurse", 1))
    with night.scene.runtime.database.reading() as session:
        before = session.query(Delivery).count()
    kari.send(f"/call-outs/{made}/board", f"/call-outs/{made}/release", read="yes")
    with night.scene.runtime.database.reading() as session:
        assert session.query(Delivery).count() == before


def test_a_quota_larger_than_the_staff_is_said_loudly_and_goes_on(night: Night, kari: Browser) -> None:
    made = planned(night, kari, ("surgeon", 5))
    html = kari.get(f"/call-outs/{made}").text
    assert "There are not enough people: 2 can be asked, and 5 are needed." in html
    assert "3 too few" in html
    kari.send(f"/call-outs/{made}", f"/call-outs/{made}/release", read="yes")
    assert row(night, made).state is CallOutState.OPEN


def test_nobody_with_the_skill_can_not_be_released(night: Night, kari: Browser) -> None:
    made = planned(night, kari, ("diver", 1))
    html = kari.get(f"/call-outs/{made}").text
    assert "Nobody who is needed can be asked." in html
    assert "/release" not in html


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"number": [""], "skill": [""], "by": [""]}, "say how many people are needed"),
        ({"number": [""], "skill": ["nurse"], "by": [""]}, "say how many with the skill nurse"),
        ({"number": ["ten"], "skill": ["nurse"], "by": [""]}, "as a number, such as 12"),
        ({"number": ["3"], "skill": ["nurse"], "by": ["soon"]}, "such as 05:00"),
        ({"number": ["3"], "skill": ["nurse"], "by": [""], "tries": "many"}, "as whole numbers"),
        ({"number": ["9999"], "skill": ["nurse"], "by": [""]}, "at most 2000 people"),
    ],
)
def test_nonsense_is_told_and_what_was_typed_stays(
    night: Night, kari: Browser, form: dict[str, object], told: str
) -> None:
    incident = night.scene.incident()
    page = f"/incidents/{incident}/call-outs/new?message=call_out"
    answer = kari.send(page, f"/incidents/{incident}/call-outs", message="call_out", **WORDS, **form)
    assert answer.status_code == 422
    assert told in answer.text
    assert 'value="Oslo S"' in answer.text


def test_it_can_be_changed_until_it_leaves(night: Night, kari: Browser) -> None:
    made = planned(night, kari, ("nurse", 2), ("surgeon", 1))
    form = {"skill": ["nurse"], "number": ["4"], "by": ["05:00"], **WORDS, "slot-place": "Majorstuen"}
    kari.send(f"/call-outs/{made}/edit", f"/call-outs/{made}", **form)
    [need] = row(night, made).needs
    assert (need.skill, need.number) == ("nurse", 4)
    assert need.by is not None
    assert timedelta(0) < need.by - datetime.now(UTC) <= timedelta(days=1)
    assert "Majorstuen" in kari.get(f"/call-outs/{made}").text
    assert f"/call-outs/{made}" in kari.get("/call-outs").text
    kari.send(f"/call-outs/{made}", f"/call-outs/{made}/discard")
    assert f"/call-outs/{made}" not in kari.get("/call-outs").text
    assert row(night, made).state is CallOutState.CLOSED
    assert asks(night, made) == []


def test_words_of_ones_own_need_a_second_person(night: Night, kari: Browser) -> None:
    incident = night.scene.incident()
    page, anne = f"/incidents/{incident}/call-outs/new", night.browser("anne")
    form = {"number": ["2"], "skill": ["nurse"], "by": [""], "override_quiet": "yes"}
    own = {"slot-words_nb": "Vi trenger folk til innsatsleiing"}
    answer = kari.send(page, f"/incidents/{incident}/call-outs", message="own_need", **form, **own)
    made = uuid.UUID(answer.location.rsplit("/", 1)[1])
    kari.send(f"/call-outs/{made}", f"/call-outs/{made}/release", read="yes")
    assert row(night, made).state is CallOutState.PLANNED
    assert asks(night, made) == []
    kari.send(f"/call-outs/{made}", f"/call-outs/{made}/submit")
    words = row(night, made).broadcast_id
    assert str(words) in anne.get("/approvals").text
    html = anne.get(f"/approvals/{words}").text
    assert "Vi trenger folk til innsatsleiing" in html
    assert "<b>2</b> nurse" in html
    assert anne.send(f"/approvals/{words}", f"/approvals/{words}", decision="yes").status_code == 302
    assert anne.get(f"/broadcasts/{words}").status_code == 200  # an approver is no officer, and still sees what became
    kari.send(f"/call-outs/{made}", f"/call-outs/{made}/release", read="yes")
    assert row(night, made).state is CallOutState.OPEN


def test_the_glass_is_broken_with_a_reason_only(night: Night, kari: Browser) -> None:
    incident = night.scene.incident()
    form = {"number": ["1"], "skill": ["nurse"], "by": [""], "slot-words_nb": "Kom"}
    page = f"/incidents/{incident}/call-outs/new"
    answer = kari.send(page, f"/incidents/{incident}/call-outs", message="own_need", **form)
    made = uuid.UUID(answer.location.rsplit("/", 1)[1])
    kari.send(f"/call-outs/{made}", f"/call-outs/{made}/release", read="yes", break_glass=" ")
    assert row(night, made).state is CallOutState.PLANNED
    kari.send(f"/call-outs/{made}", f"/call-outs/{made}/release", read="yes", break_glass="nobody answers")
    assert row(night, made).state is CallOutState.OPEN
    assert "Released without a second person." in board(kari, made)


def test_unclear_answers_are_settled_by_a_person(night: Night, kari: Browser) -> None:
    made = released(night, kari, ("nurse", 2))
    ask = next(one for one in asks(night, made) if one.tries)
    says(night, ask, "unclear", raw="maybe 20 min")
    html = board(kari, made)
    assert "maybe 20 min" in html
    assert "1 answer must be read by you" in html
    assert "1 answer must be read" in kari.get("/").text
    assert "maybe 20 min" in kari.get(f"/call-outs/{made}/asks/{ask.id}").text
    assert kari.get(f"/call-outs/{made}/asks/{made}").status_code == 404
    wrong = kari.follow(
        f"/call-outs/{made}/board", f"/call-outs/{made}/asks/{ask.id}/settle", answer="later", minutes="x"
    )
    assert "write the minutes as a number" in wrong
    kari.send(f"/call-outs/{made}/board", f"/call-outs/{made}/asks/{ask.id}/settle", answer="later", minutes="20")
    assert "1 of 2 are coming." in board(kari, made)


def test_people_are_added_and_more_are_asked(night: Night, kari: Browser) -> None:
    made = released(night, kari, ("nurse", 1))
    asked = {one.person_id for one in asks(night, made) if one.tries}
    html = kari.get(f"/call-outs/{made}/people?search=surgeon").text
    [first, *_] = re.findall(r'name="person" value="([^"]+)"', html)
    assert uuid.UUID(first) not in asked
    assert "tick whom to ask" in kari.follow(f"/call-outs/{made}/people", f"/call-outs/{made}/people")
    kari.send(f"/call-outs/{made}/people", f"/call-outs/{made}/people", person=first)
    assert uuid.UUID(first) in {one.person_id for one in asks(night, made) if one.tries}
    before = sum(one.tries > 0 for one in asks(night, made))
    kari.send(f"/call-outs/{made}/board", f"/call-outs/{made}/widen")
    assert sum(one.tries > 0 for one in asks(night, made)) > before


def test_cancelling_needs_a_reason_and_ends_it(night: Night, kari: Browser) -> None:
    made = released(night, kari, ("nurse", 1))
    assert "say why" in kari.follow(f"/call-outs/{made}/board", f"/call-outs/{made}/cancel", reason=" ")
    assert row(night, made).state is CallOutState.OPEN
    html = kari.follow(f"/call-outs/{made}/board", f"/call-outs/{made}/cancel", reason="false alarm")
    assert "false alarm" in html
    assert row(night, made).state is CallOutState.CLOSED


def test_words_to_those_who_come_wait_for_a_second_person(night: Night, kari: Browser) -> None:
    made, anne = released(night, kari, ("nurse", 2)), night.browser("anne")
    first, second = [one for one in asks(night, made) if one.tries][:2]
    says(night, first, "yes")
    says(night, second, "no")
    kari.send(f"/call-outs/{made}/board", f"/call-outs/{made}/words", words_nb="Bruk nordre inngang")
    with night.scene.runtime.database.reading() as session:
        words = session.scalars(select(Broadcast).where(Broadcast.message == "to_those_coming")).one()
        assert words.state is BroadcastState.SUBMITTED
        assert all("Svar 1" not in text.text for text in words.texts)
    send = f"/call-outs/{made}/words/{words.id}/release"
    kari.send(f"/call-outs/{made}/board", send, digest=words.digest)
    kari.send(f"/call-outs/{made}/board", send, digest=words.digest, break_glass=" ")
    assert night.scene.deliveries(words.id) == []
    anne.send(f"/approvals/{words.id}", f"/approvals/{words.id}", decision="yes")
    kari.send(f"/call-outs/{made}/board", send, digest="0" * 64)
    assert night.scene.deliveries(words.id) == []  # not what was read
    kari.send(f"/call-outs/{made}/board", send, digest=words.digest)
    assert [one.ask_id for one in night.scene.deliveries(words.id)] == [first.id]


def test_an_unchanged_board_costs_nothing_and_a_changed_one_is_told(night: Night, kari: Browser) -> None:
    made = released(night, kari, ("nurse", 2))
    piece = f"/call-outs/{made}/board/piece"
    etag = kari.get(piece).headers["ETag"]
    assert kari.get(piece, headers={"If-None-Match": etag}).status_code == 304
    says(night, next(one for one in asks(night, made) if one.tries), "no")
    changed = kari.get(piece, headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert "1 said no" in changed.text


def test_a_drill_looks_like_one_and_is_released_by_one_press(night: Night, kari: Browser) -> None:
    made = planned(night, kari, ("nurse", 1), mode=Mode.DRILL)
    html = kari.get(f"/call-outs/{made}").text
    assert '<body class="drill">' in html
    assert "release drill" in html
    assert "release live" not in html
    assert "ØVELSE" in html
    kari.send(f"/call-outs/{made}", f"/call-outs/{made}/release")
    assert row(night, made).state is CallOutState.OPEN
    assert '<body class="drill">' in board(kari, made)


def test_it_stands_on_the_first_page_and_in_its_incident(night: Night, kari: Browser) -> None:
    made = released(night, kari, ("nurse", 2))
    assert f"/call-outs/{made}" in kari.get("/").text
    assert f"/call-outs/{made}" in kari.get(f"/incidents/{row(night, made).incident_id}").text
    assert f"/call-outs/{made}" in kari.get("/call-outs").text
    viewer = night.browser("vidar").get("/").text
    assert "0 of 2 are coming" in viewer  # everybody may see how it stands
    assert f"/call-outs/{made}" not in viewer


def test_it_is_nobody_elses(night: Night, kari: Browser) -> None:
    made = released(night, kari, ("nurse", 1))
    night.scene.user("nina", Role.TRIAGER)
    for who, expected in (("vidar", 403), ("anne", 403), ("nina", 403), ("dag", 404)):
        for path in ("", "/board", "/board/piece", "/report", "/people"):
            assert night.browser(who).get(f"/call-outs/{made}{path}").status_code == expected, (who, path)


def test_an_exhausted_one_is_loud(night: Night, kari: Browser) -> None:
    made = released(night, kari, ("surgeon", 2))
    for one in asks(night, made):
        says(night, one, "no")
    later = datetime.now(UTC) + timedelta(minutes=1)
    with night.scene.runtime.database.writing() as session:
        filling.step(session, made, night.scene.settings, later)
    assert row(night, made).state is CallOutState.EXHAUSTED
    assert "Nobody is left to ask." in board(kari, made)
    assert "Too few: 0 of 2" in kari.get("/").text


def test_the_words_of_a_statement_call_nobody_in(night: Night, kari: Browser) -> None:
    incident = night.scene.incident()
    form = {"number": ["1"], "skill": [""], "by": [""]}
    kari.send(f"/incidents/{incident}/call-outs/new", f"/incidents/{incident}/call-outs", message="initial", **form)
    with night.scene.runtime.database.reading() as session:
        assert session.scalars(select(CallOut.id)).all() == []
        assert session.scalars(select(Need.id)).all() == []
