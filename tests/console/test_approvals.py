"""The second person: reads exactly what leaves, and is never the one who wrote it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from crisis.models import Broadcast, Delivery
from crisis.states import BroadcastState, Mode
from tests.console.scene import Night, a_night


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    """Nothing is signed off, so everything needs two."""
    with a_night(tmp_path) as made:
        yield made


def _submit(night: Night, who: str = "kari", mode: Mode = Mode.LIVE) -> uuid.UUID:
    draft = night.scene.drafted(night.scene.incident(mode, who), who=who)
    html = night.browser(who).follow(f"/broadcasts/{draft}/release", f"/broadcasts/{draft}/submit")
    assert "A second person must say yes." in html
    return draft


def test_the_way_of_a_yes(night: Night) -> None:
    draft = _submit(night)
    path, kari, anne = f"/approvals/{draft}", night.browser("kari"), night.browser("anne")
    assert path in anne.get("/approvals").text
    assert "It waits for you." in anne.get("/approvals").text
    assert "It waits for somebody else." in kari.get("/approvals").text
    html = anne.get(path).text
    assert "Mange er skadd ved Oslo S." in html
    assert "nobody has signed this message off" in html
    assert "To 7 people by" in html
    assert 'class="live"' in html
    html = anne.follow(path, path, decision="yes")
    assert "Approved, but not sent yet." in html
    page = f"/broadcasts/{draft}/release"
    assert "Release to the public now" in kari.get(page).text
    assert "Nothing has left yet." in kari.follow(page, page, read="yes")
    assert len(night.scene.deliveries(draft)) == 18


def test_approvers_are_told_and_the_author_is_not(night: Night) -> None:
    _submit(night, "per")
    with night.scene.runtime.database.reading() as session:
        rows = session.scalars(
            select(Delivery)
            .join(Broadcast, Broadcast.id == Delivery.broadcast_id)
            .where(Broadcast.message == "approval_wanted")
        )
        assert {row.address for row in rows} == {"+4790000002"}


def test_the_author_cannot_approve(night: Night) -> None:
    draft = _submit(night, "per")
    path, per = f"/approvals/{draft}", night.browser("per")
    html = per.get(path).text
    assert "a second person must answer" in html
    assert "Yes, these words may leave" not in html
    assert "you wrote or submitted this yourself" in per.follow(path, path, decision="yes")
    assert night.scene.broadcast(draft).state is BroadcastState.SUBMITTED


def test_neither_can_who_wrote_what_somebody_else_submitted(night: Night) -> None:
    draft = night.scene.drafted(night.scene.incident(Mode.LIVE, "per"), who="per")
    night.browser("kari").follow(f"/broadcasts/{draft}/release", f"/broadcasts/{draft}/submit")
    path = f"/approvals/{draft}"
    assert "you wrote or submitted" in night.browser("per").follow(path, path, decision="yes")


def test_an_officer_alone_cannot_release_it(night: Night) -> None:
    draft, kari = _submit(night), night.browser("kari")
    page = f"/broadcasts/{draft}/release"
    html = kari.get(page).text
    assert "They have been asked at" in html
    assert "Why can it not wait?" in html
    assert "A second person is needed" in kari.follow(page, page, read="yes")
    assert night.scene.deliveries(draft) == []


def test_returned_with_a_reason(night: Night) -> None:
    draft = _submit(night)
    path, anne, kari = f"/approvals/{draft}", night.browser("anne"), night.browser("kari")
    assert "say why" in anne.follow(path, path, decision="returned", reason=" ")
    anne.follow(path, path, decision="returned", reason="The phone line is closed")
    html = kari.get(f"/broadcasts/{draft}").text
    assert "The phone line is closed" in html
    assert "Show exactly what they get" in html
    assert night.scene.broadcast(draft).digest is None


def test_rejected_is_the_end_of_it_but_not_of_the_words(night: Night) -> None:
    draft = _submit(night)
    path, kari = f"/approvals/{draft}", night.browser("kari")
    night.browser("anne").follow(path, path, decision="rejected", reason="Not ours to say")
    html = kari.get(f"/broadcasts/{draft}").text
    assert "Not ours to say" in html
    page = f"/broadcasts/{draft}/release"
    assert kari.get(page).status_code == 302
    assert kari.send(f"/broadcasts/{draft}", page, read="yes", digest="x").status_code == 302
    assert night.scene.deliveries(draft) == []
    assert 'value="Oslo S"' in kari.follow(f"/broadcasts/{draft}", f"/broadcasts/{draft}/follow", message="again")


def test_a_yes_to_words_that_changed_meanwhile_is_refused(night: Night) -> None:
    draft = _submit(night)
    path = f"/approvals/{draft}"
    html = night.browser("anne").follow(path, path, decision="yes", digest="0" * 64)
    assert "the text changed while you were reading" in html


def test_an_old_yes_does_not_survive_being_taken_back(night: Night) -> None:
    draft = _submit(night)
    path, kari, page = f"/approvals/{draft}", night.browser("kari"), f"/broadcasts/{draft}/release"
    night.browser("anne").follow(path, path, decision="yes")
    assert "It is a draft again." in kari.follow(f"/broadcasts/{draft}", f"/broadcasts/{draft}/withdraw")
    kari.follow(page, f"/broadcasts/{draft}/submit")
    kari.follow(page, page, read="yes")
    assert night.scene.deliveries(draft) == []


def test_roles_and_other_units(night: Night) -> None:
    draft = _submit(night)
    path = f"/approvals/{draft}"
    assert night.browser("kari").get(path).status_code == 403
    assert night.browser("vidar").get("/approvals").status_code == 403
    assert night.browser("dag").get(path).status_code == 404
    assert str(draft) not in night.browser("dag").get("/approvals").text
    assert night.browser("dag").send("/approvals", path, decision="yes", digest="x").status_code == 404
    assert night.browser("kari").send("/approvals", path, decision="yes", digest="x").status_code == 403
    assert night.browser("anne").send(path, path, decision="perhaps").status_code == 400


def test_breaking_the_glass_while_it_waits(night: Night) -> None:
    draft, kari = _submit(night, mode=Mode.DRILL), night.browser("kari")
    page = f"/broadcasts/{draft}/release"
    kari.follow(page, page, break_glass="Nobody answers")
    assert night.scene.broadcast(draft).break_glass_reason == "Nobody answers"
    assert len(night.scene.deliveries(draft)) == 18
