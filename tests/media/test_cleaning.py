"""What no row names is cleaned away after a week; what one names stays, however old, and so does what was just used."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crisis.media import cleaning, library
from crisis.media.store import Kept, Store
from crisis.models import BroadcastText, FrozenMedia, MediaItem, new_id
from tests.broadcasts.scene import Scene, a_scene
from tests.media.files import jpeg


@pytest.fixture
def scene(tmp_path: Path, database_url: str):
    with a_scene(tmp_path, database_url) as made:
        yield made


def store(scene: Scene) -> Store:
    return scene.runtime.media


def kept(scene: Scene, number: int, days: float) -> Kept:
    found = store(scene).keep_bytes(jpeg(32 + number, 32), "image/jpeg", 32 + number, 32)
    age(scene, found, days)
    return found


def age(scene: Scene, one: Kept, days: float) -> None:
    then = (scene.now - timedelta(days=days)).timestamp()
    os.utime(store(scene).path(one.sha256, one.content_type), (then, then))


def there(scene: Scene, one: Kept) -> bool:
    return store(scene).path(one.sha256, one.content_type).exists()


def clean(scene: Scene) -> int:
    with scene.runtime.database.reading() as session:
        return cleaning.clean(session, store(scene), scene.now)


def test_only_what_is_old_and_named_nowhere_goes(scene: Scene) -> None:
    stray, young, item, frozen = kept(scene, 1, 7.1), kept(scene, 2, 6.9), kept(scene, 3, 400), kept(scene, 4, 400)
    with scene.runtime.database.writing() as session:
        library.add(session, scene.actor("kari"), scene.units["ous"], item, "kart", "Kart", scene.now)
        row = session.query(MediaItem).one()
        row.withdrawn_at, row.withdrawn_reason = scene.now, "wrong map"  # what became of it can still be looked at
    draft = scene.drafted(scene.incident())
    with scene.runtime.database.writing() as session:
        text = BroadcastText(broadcast_id=draft, channel="x", language="nb", title="", text="Hei")
        session.add(text)
        session.flush()
        values = {"kind": "picture", "content_type": "image/jpeg", "size": 1, "width": 1, "height": 1, "alt": "-"}
        session.add(FrozenMedia(text_id=text.id, position=0, sha256=frozen.sha256, token=new_id().hex, **values))
    assert clean(scene) == 1
    assert [there(scene, one) for one in (stray, young, item, frozen)] == [False, True, True, True]
    assert clean(scene) == 0


def test_what_is_used_again_is_young_again(scene: Scene) -> None:
    """A preview finds a version made weeks ago; it is frozen a moment later."""
    made = store(scene).made("recipe", lambda: kept(scene, 1, 0))
    age(scene, made, 30)
    again = store(scene).made("recipe", lambda: pytest.fail("it stands already"))
    assert again == made
    assert clean(scene) == 0
    assert there(scene, made)


def test_what_was_cleaned_away_is_made_anew_and_its_note_forgotten(scene: Scene) -> None:
    made = store(scene).made("recipe", lambda: kept(scene, 1, 0))
    age(scene, made, 30)
    (note,) = (store(scene).folder / "made").iterdir()
    os.utime(note, (1, 1))
    assert clean(scene) == 1
    assert not note.exists()
    assert there(scene, store(scene).made("recipe", lambda: kept(scene, 1, 0)))


def test_nothing_else_in_the_folder_is_touched(scene: Scene) -> None:
    folder = store(scene).folder
    folder.mkdir(parents=True, exist_ok=True)
    strange = [folder / "read-me.txt", folder / ("a" * 64), folder / "lost+found"]
    strange[0].write_text("ours")
    strange[1].mkdir()
    strange[2].mkdir()
    for path in strange:
        os.utime(path, (1, 1))
    assert clean(scene) == 0
    assert all(path.exists() for path in strange)


def test_used_between_the_look_and_the_removal_it_stays(scene: Scene) -> None:
    one = kept(scene, 1, 30)
    before = (scene.now - cleaning.UNTOUCHED).timestamp()
    (path,) = store(scene).untouched_since(before)
    age(scene, one, 0)
    assert not store(scene).remove_untouched(path, before)
    assert there(scene, one)


def test_an_empty_store_is_fine(tmp_path: Path) -> None:
    bare = Store(tmp_path / "nowhere")
    assert bare.untouched_since(datetime.now(UTC).timestamp()) == []
    bare.forget_recipes(0)
