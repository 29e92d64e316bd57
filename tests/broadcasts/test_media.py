"""What a broadcast carries is frozen, signed and compared with it; what may not leave does not, and the words go on."""

from __future__ import annotations

import dataclasses
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from crisis.broadcasts import draft, preview, submit
from crisis.broadcasts.freeze import NotReady
from crisis.broadcasts.release import SecondPerson
from crisis.channels import registry
from crisis.channels.base import MediaFacts
from crisis.media import incoming, library
from crisis.models import Account, Broadcast, BroadcastText, Delivery, FrozenMedia, Incident, MediaItem
from crisis.sending import claim
from crisis.states import DeliveryState, NotAllowed
from tests.broadcasts.scene import Scene
from tests.media.files import film, jpeg

ALT = {"nb": "Kart: møt opp ved Sentralbanen", "nn": "Kart: møt opp ved Sentralbanen", "en": "Map: meet at Central"}


def item(
    scene: Scene, path: Path, key: str = "map", *, alt: dict[str, str] | None = None, ready: bool = True
) -> uuid.UUID:
    """Something in the library, ready to use."""
    kept = incoming.take(scene.runtime.media, scene.settings, path)
    kari, now = scene.actor("kari"), datetime.now(UTC)
    with scene.runtime.database.writing() as session:
        row = library.add(session, kari, scene.units["ous"], kept, key, "Kart", now)
        library.describe(session, kari, row, "Kart", ALT if alt is None else alt, now)
        if ready:
            library.record_rights(session, kari, row, "OUS", "Kartavdelingen", "vårt eget", now)
            library.record_consent(session, kari, row, "nobody", now)
        return row.id


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "kart"
    path.write_bytes(jpeg(2400, 1200))
    return path


def playbook_wants(scene: Scene, *keys: str) -> None:
    path = scene.folder / "playbooks" / "mass-casualty.toml"
    text = path.read_text()
    listed = ", ".join(f'"{key}"' for key in keys)
    path.write_text(text.replace("[messages.initial]\n", f"[messages.initial]\nmedia = [{listed}]\n", 1))
    assert scene.playbook.messages["initial"].media == keys


def choose(scene: Scene, broadcast_id: uuid.UUID, *ids: uuid.UUID, who: str = "kari") -> None:
    with scene.runtime.database.writing() as session:
        row = session.get_one(Broadcast, broadcast_id)
        of = session.get_one(Incident, row.incident_id)
        draft.change(session, scene.actor(who), row, of, scene.playbook, media=ids)


def seen(scene: Scene, broadcast_id: uuid.UUID) -> preview.Preview:
    with scene.runtime.database.reading() as session:
        row = session.get_one(Broadcast, broadcast_id)
        return preview.preview(session, row, scene.settings, scene.playbook, datetime.now(UTC))


def taken(scene: Scene, account: str) -> list[claim.Claimed]:
    with scene.runtime.database.writing() as session:
        row = session.scalars(select(Account).where(Account.key == account)).one()
        later = datetime.now(UTC) + timedelta(minutes=1)
        return claim.claim(session, row.id, 100, later, luggage=scene.runtime.luggage)


def test_the_playbooks_own_picture_leaves_with_one_officers_yes(scene: Scene, picture: Path) -> None:
    item(scene, picture)
    playbook_wants(scene, "map")
    scene.now += timedelta(days=1, seconds=1)  # signed after the picture was there
    scene.sign_off()
    drafted = scene.drafted(scene.incident())
    before = seen(scene, drafted)
    assert before.needs.needs == "single"
    shown = before.composed.media["page", "nb"]
    assert [(one.alt, one.title) for one in shown] == [(ALT["nb"], "Kart")]
    scene.release(drafted, read=before.read)
    outs = {one.out.language: one.out for one in taken(scene, "page-live")}
    carried = outs["nb"].media
    assert [one.alt for one in carried] == [ALT["nb"]]
    assert outs["en"].media[0].alt == ALT["en"]
    assert carried[0].path.stat().st_size == carried[0].size
    assert max(carried[0].width, carried[0].height) <= registry.FACTS["page"].media.picture_side
    assert carried[0].url.startswith("https://crisis.example.org/media/")
    assert all(not one.out.media for one in taken(scene, "sms-live"))


def test_a_picture_chosen_by_hand_needs_a_second_person(scene: Scene, picture: Path) -> None:
    scene.sign_off()
    chosen = item(scene, picture)
    drafted = scene.drafted(scene.incident())
    assert seen(scene, drafted).needs.needs == "single"
    choose(scene, drafted, chosen)
    assert seen(scene, drafted).needs.why == "the pictures or films were chosen by hand"
    with pytest.raises(SecondPerson):
        scene.release(drafted)
    choose(scene, drafted)
    assert seen(scene, drafted).needs.needs == "single"


def test_leaving_the_playbooks_picture_out_needs_a_second_person_too(scene: Scene, picture: Path) -> None:
    item(scene, picture)
    playbook_wants(scene, "map")
    scene.now += timedelta(days=1, seconds=1)
    scene.sign_off()
    drafted = scene.drafted(scene.incident())
    choose(scene, drafted)
    assert seen(scene, drafted).needs.needs == "dual"


def test_new_words_or_a_new_picture_void_what_was_signed(scene: Scene, picture: Path) -> None:
    chosen = item(scene, picture)
    scene.now += timedelta(days=1)
    scene.sign_off()
    playbook_wants(scene, "map")
    drafted = scene.drafted(scene.incident())
    assert seen(scene, drafted).needs.why == "the text or its rules changed after the sign-off"
    scene.now += timedelta(seconds=1)
    scene.sign_off()
    assert seen(scene, drafted).needs.needs == "single"
    with scene.runtime.database.writing() as session:
        row = session.get_one(MediaItem, chosen)
        later = scene.now + timedelta(seconds=1)
        library.describe(session, scene.actor("per"), row, "Kart", {**ALT, "nb": "Noe ganske annet"}, later)
    assert seen(scene, drafted).needs.why == "a picture or film was changed after the sign-off"


def test_the_approver_signs_files_and_words_and_release_compares_them(scene: Scene, picture: Path) -> None:
    chosen = item(scene, picture)
    drafted = scene.drafted(scene.incident())
    choose(scene, drafted, chosen)
    now = datetime.now(UTC)
    with scene.runtime.database.writing() as session:
        row = session.get_one(Broadcast, drafted)
        submit.submit(session, scene.actor("kari"), row, scene.settings, scene.playbook, now)
        submit.approve(session, scene.actor("anne"), row, row.digest or "", now)
    assert seen(scene, drafted).composed.media["page", "nb"][0].alt == ALT["nb"]
    with scene.runtime.database.writing() as session:
        frozen = session.scalars(
            select(FrozenMedia)
            .join(BroadcastText)
            .where(BroadcastText.channel == "page", BroadcastText.language == "nb")
        ).one()
        honest, frozen.alt = frozen.alt, "noe annet"
    with pytest.raises(NotAllowed, match="not what was frozen"):
        scene.release(drafted)
    with scene.runtime.database.writing() as session:
        row = session.get_one(FrozenMedia, frozen.id)
        row.alt, row.sha256 = honest, "0" * 64
    with pytest.raises(NotAllowed, match="not what was frozen"):
        scene.release(drafted)


def test_a_missing_alt_text_stops_it_and_says_which(scene: Scene, picture: Path) -> None:
    chosen = item(scene, picture, alt={"nb": "Kart", "en": "Map"})
    drafted = scene.drafted(scene.incident())
    choose(scene, drafted, chosen)
    problems = [(one.channel, one.language) for one in seen(scene, drafted).composed.problems]
    assert problems == [("email", "nn")], "the page account here speaks bokmål and English only"
    with pytest.raises(NotReady, match="no alt text in this language"):
        scene.release(drafted)


def test_only_what_has_rights_and_consent_can_be_chosen(scene: Scene, picture: Path) -> None:
    chosen = item(scene, picture, ready=False)
    drafted = scene.drafted(scene.incident())
    kari, now = scene.actor("kari"), datetime.now(UTC)
    with pytest.raises(NotAllowed, match="by what right"):
        choose(scene, drafted, chosen)
    with scene.runtime.database.writing() as session:
        library.record_rights(session, kari, session.get_one(MediaItem, chosen), "A", "B", "C", now)
    with pytest.raises(NotAllowed, match="people shown agree"):
        choose(scene, drafted, chosen)
    with scene.runtime.database.writing() as session:
        library.record_consent(session, kari, session.get_one(MediaItem, chosen), "no", now)
    with pytest.raises(NotAllowed, match="does not agree"):
        choose(scene, drafted, chosen)
    with pytest.raises(NotAllowed, match="no such picture"):
        choose(scene, drafted, uuid.uuid4())


def test_a_picture_the_playbook_wants_and_nobody_may_use_never_silences_the_words(scene: Scene, picture: Path) -> None:
    item(scene, picture, ready=False)
    playbook_wants(scene, "map", "never-added")
    scene.now += timedelta(days=1, seconds=1)
    scene.sign_off()
    drafted = scene.drafted(scene.incident())
    shown = seen(scene, drafted)
    assert len(shown.composed.notes) == 2
    assert not shown.composed.media
    assert scene.release(drafted, read=shown.read) > 0


def test_what_was_withdrawn_after_release_leaves_nowhere(scene: Scene, picture: Path) -> None:
    chosen = item(scene, picture)
    playbook_wants(scene, "map")
    scene.now += timedelta(days=1, seconds=1)
    scene.sign_off()
    drafted = scene.drafted(scene.incident())
    scene.release(drafted)
    with scene.runtime.database.writing() as session:
        row = session.get_one(MediaItem, chosen)
        library.withdraw(session, scene.actor("anne"), row, "han trakk samtykket", datetime.now(UTC))
    assert taken(scene, "page-live") == []
    assert taken(scene, "email-live") == []
    assert len(taken(scene, "sms-live")) == 7, "what carries no picture is not held back"
    held = {(one.state, one.say) for one in scene.deliveries(drafted) if one.state is not DeliveryState.SENDING}
    assert (DeliveryState.CANCELLED, "a picture or film in it was withdrawn") in held
    with pytest.raises(NotAllowed, match="stays so"), scene.runtime.database.writing() as session:
        library.record_consent(
            session, scene.actor("anne"), session.get_one(MediaItem, chosen), "yes", datetime.now(UTC)
        )


def test_a_file_that_is_gone_is_a_failure_somebody_sees(scene: Scene, picture: Path) -> None:
    item(scene, picture)
    playbook_wants(scene, "map")
    scene.now += timedelta(days=1, seconds=1)
    scene.sign_off()
    drafted = scene.drafted(scene.incident())
    scene.release(drafted)
    for path in scene.runtime.media.folder.glob("*.jpg"):
        path.unlink()
    assert taken(scene, "page-live") == []
    with scene.runtime.database.reading() as session:
        states = session.scalars(
            select(Delivery.state).join(Account, Account.id == Delivery.account_id).where(Account.key == "page-live")
        ).all()
    assert set(states) == {DeliveryState.FAILED}


def network(monkeypatch: pytest.MonkeyPatch, **media: object) -> None:
    """X as a network that takes other things."""
    facts = dataclasses.replace(registry.FACTS["x"], media=MediaFacts(**media))  # type: ignore[arg-type]
    monkeypatch.setitem(registry.FACTS, "x", facts)  # type: ignore[arg-type]


def test_a_card_is_drawn_where_nothing_shows_without_a_picture(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    network(monkeypatch, pictures=1, picture_types=frozenset({"image/jpeg"}), needed="picture", alt_length=1000)
    scene.sign_off()
    drafted = scene.drafted(scene.incident())
    before = seen(scene, drafted)
    assert before.needs.needs == "single", "a card of the signed words is no picture chosen by hand"
    scene.release(drafted, read=before.read)
    out = next(one.out for one in taken(scene, "x-live") if one.out.language == "nb")
    assert [(one.kind, one.content_type, one.alt) for one in out.media] == [("picture", "image/jpeg", out.text)]


def test_a_network_that_needs_a_film_gets_nothing_without_one_and_the_rest_goes_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    network(monkeypatch, films=1, needed="film")
    scene.sign_off()
    drafted = scene.drafted(scene.incident())
    before = seen(scene, drafted)
    assert [(one.channel, one.say) for one in before.composed.notes] == [
        ("x", "needs a film, and this broadcast has none that fits; nothing goes there")
    ]
    scene.release(drafted, read=before.read)
    assert taken(scene, "x-live") == []
    assert "x-live" not in scene.broadcast(drafted).accounts
    assert len(taken(scene, "page-live")) == 2


def test_a_film_that_does_not_fit_is_told_and_left_out_there(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = item(scene, film(tmp_path / "film.mp4", seconds=3), key="film")
    drafted = scene.drafted(scene.incident())
    choose(scene, drafted, chosen)
    network(monkeypatch, films=1, film_seconds=2, alt_length=1000)
    shown = seen(scene, drafted).composed
    assert [str(one) for one in shown.notes] == [
        "X: goes without 'Kart': the film lasts 3 seconds, and it takes at most 2"
    ]
    assert ("x", "nb") in shown.texts
    assert ("x", "nb") not in shown.media
    assert [one.file.kind for one in shown.media["page", "nb"]] == ["film"]
    network(monkeypatch, films=1, film_seconds=140, alt_length=1000)
    assert [one.file.seconds for one in seen(scene, drafted).composed.media["x", "nb"]] == [3.0]


def test_too_many_and_too_long_words_are_told(
    scene: Scene, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.write_bytes(jpeg(500, 500))
    ids = item(scene, picture), item(scene, other, key="other")
    drafted = scene.drafted(scene.incident())
    choose(scene, drafted, *ids)
    network(monkeypatch, pictures=1, alt_length=10)
    composed = seen(scene, drafted).composed
    assert [str(one) for one in composed.notes] == ["X: takes at most 1 of these; it goes without the last 1"]
    assert {(one.channel, one.facts["over"]) for one in composed.problems} == {("x", 20), ("x", 10)}


def test_other_units_and_viewers_change_nothing(scene: Scene, picture: Path) -> None:
    chosen = item(scene, picture)
    for who in ("vidar", "dag"):
        with scene.runtime.database.reading() as session:
            row, actor = session.get_one(MediaItem, chosen), scene.actor(who)
            with pytest.raises(NotAllowed, match="role"):
                library.withdraw(session, actor, row, "nei", datetime.now(UTC))
    with pytest.raises(NotAllowed, match="already"):
        item(scene, picture, key="other")


def test_the_drafts_discard_and_a_return_leave_nothing_behind(scene: Scene, picture: Path) -> None:
    chosen = item(scene, picture)
    drafted = scene.drafted(scene.incident())
    choose(scene, drafted, chosen)
    now = datetime.now(UTC)
    with scene.runtime.database.writing() as session:
        row = session.get_one(Broadcast, drafted)
        submit.submit(session, scene.actor("kari"), row, scene.settings, scene.playbook, now)
        submit.withdraw(session, scene.actor("kari"), row)
    with scene.runtime.database.writing() as session:
        assert session.scalars(select(FrozenMedia)).all() == []
        draft.discard(session, scene.actor("kari"), session.get_one(Broadcast, drafted))
