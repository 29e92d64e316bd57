"""The media library through a browser, and what providers fetch: large bodies, hostile names, nothing before release."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from crisis.models import Broadcast, FrozenMedia, MediaItem
from tests.console.scene import Browser, Night, a_night
from tests.media.files import bomb, located_jpeg


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    with a_night(tmp_path) as made:
        yield made


def upload(kari: Browser, raw: bytes = b"", name: str = "kart.jpg", title: str = "Kart") -> str:
    sent = io.BytesIO(raw or located_jpeg())
    return kari.follow("/library/new", "/library/new", title=title, file=(sent, name)) and _only(kari)


def _only(kari: Browser) -> str:
    found = re.findall(r'href="(/library/[0-9a-f-]{36})"', kari.get("/library/").text)
    return found[0]


def ready(kari: Browser) -> str:
    where = upload(kari)
    kari.follow(where, f"{where}/words", title="Kart", **{f"alt-{one}": f"Kart {one}" for one in ("nb", "nn", "en")})
    kari.follow(where, f"{where}/rights", owner="OUS", source="Kart", licence="vårt eget")
    kari.follow(where, f"{where}/consent", consent="nobody")
    return where


def test_from_file_to_usable(night: Night) -> None:
    kari = night.browser("kari")
    where = upload(kari, name="../../etc/passwd.svg")
    assert "nobody has recorded by what right" in kari.get(where).text
    ready_page = kari.get(ready_item(kari, where)).text
    assert "It can be used." in ready_page
    with night.scene.runtime.database.reading() as session:
        row = session.scalars(select(MediaItem)).one()
    folder = night.scene.runtime.media.folder
    assert {path.name for path in folder.iterdir() if path.is_file()} == {f"{row.sha256}.jpg"}
    assert b"hemmelig" not in (folder / f"{row.sha256}.jpg").read_bytes()
    assert not list((folder / "scratch").iterdir())


def ready_item(kari: Browser, where: str) -> str:
    kari.follow(where, f"{where}/rights", owner="OUS", source="Kart", licence="vårt eget")
    kari.follow(where, f"{where}/consent", consent="nobody")
    return where


def test_refused_files_leave_no_row_and_say_why(night: Night) -> None:
    kari = night.browser("kari")
    for raw, says in ((bomb(), "too many pixels"), (b"<svg onload=alert(1)>", "PNG"), (b"", "empty")):
        answer = kari.send("/library/new", "/library/new", title="Kart", file=(io.BytesIO(raw), "kart.jpg"))
        assert answer.status_code == 422
        assert says in answer.text
    with night.scene.runtime.database.reading() as session:
        assert session.scalars(select(MediaItem)).all() == []


def test_a_body_larger_than_a_film_may_be_is_refused_unread(night: Night) -> None:
    kari = night.browser("kari")
    kari.get("/library/new")

    class Endless(io.RawIOBase):
        read_so_far = 0

        def readable(self) -> bool:
            return True

        def readinto(self, target: bytearray) -> int:
            self.read_so_far += len(target)
            target[:] = b"x" * len(target)
            return len(target)

    told = Endless()
    four_gigabytes = {
        "CONTENT_LENGTH": str(4 * 1024**3),
        "CONTENT_TYPE": "multipart/form-data; boundary=x",
        "wsgi.input": io.BufferedReader(told),
    }
    answer = kari.client.post("/library/new", environ_overrides=four_gigabytes)
    assert answer.status_code == 413
    assert "1024 MB" in answer.text
    assert told.read_so_far < 2 * 1024**2
    # Another page keeps its own, smaller bound.
    assert kari.client.post("/people/import", environ_overrides=four_gigabytes).status_code in (403, 404, 405, 413)


def test_a_stream_that_hides_its_length_is_cut_off(tmp_path: Path) -> None:
    with a_night(tmp_path) as night:
        small = night.scene.settings.model_copy(update={"media_film_megabytes": 1, "media_picture_megabytes": 1})
        object.__setattr__(night.scene.runtime, "settings", small)
        kari = night.browser("kari")
        kari.get("/library/new")
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        body = io.BytesIO(head + b"x" * (5 * 1024**2))
        chunked = {
            "CONTENT_TYPE": "multipart/form-data; boundary=x",
            "wsgi.input": body,
            "wsgi.input_terminated": True,
            "HTTP_TRANSFER_ENCODING": "chunked",
        }
        answer = kari.client.post("/library/new", environ_overrides=chunked)
        assert answer.status_code == 413
        assert body.tell() < 3 * 1024**2


def test_only_editors_add_and_everybody_of_the_unit_looks(night: Night) -> None:
    where = ready(night.browser("kari"))
    vidar, dag = night.browser("vidar"), night.browser("dag")
    assert vidar.get(where).status_code == 200
    assert vidar.get("/library/new").status_code == 403
    assert "Withdraw it" not in vidar.get(where).text
    assert dag.get(where).status_code == 404


def test_providers_fetch_what_is_released_and_nothing_else(night: Night) -> None:
    scene, kari = night.scene, night.browser("kari")
    ready(kari)
    drafted = scene.drafted(scene.incident())
    page = f"/broadcasts/{drafted}"
    html = kari.get(page).text
    ids = re.findall(r'name="media" value="([^"]+)"', html)
    accounts = re.findall(r'name="account" value="([^"]+)" checked', html)
    form = {f"slot-{name}": value for name, value in scene.broadcast(drafted).slots.items()}
    kari.follow(page, page, **form, account=accounts, media=ids, **{"media-shown": "yes"})
    assert "Kart nb" in kari.get(page).text
    assert "chosen by hand" in kari.get(page).text
    kari.send(f"{page}/release", f"{page}/submit")
    anne = night.browser("anne")
    assert "Kart nb" in anne.get(f"/approvals/{drafted}").text, "the approver sees it with its words"
    with scene.runtime.database.reading() as session:
        frozen = session.scalars(select(FrozenMedia)).first()
    stranger = night.app.test_client()
    address = f"/media/{frozen.token}.jpg"
    assert stranger.get(address).status_code == 404, "not before it is released"
    anne.send(f"/approvals/{drafted}", f"/approvals/{drafted}", decision="yes")
    kari.send(f"{page}/release", f"{page}/release", read="yes")
    assert scene.broadcast(drafted).released_at
    answer = stranger.get(address)
    assert (answer.status_code, answer.content_type) == (200, "image/jpeg")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "public" in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers
    assert answer.data[:2] == b"\xff\xd8"
    assert stranger.get(f"/media/{frozen.token}.png").status_code == 404
    assert stranger.get(f"/library/files/{frozen.sha256}.jpg").status_code == 302, "the other door asks to sign in"
    where = _only(kari)
    kari.follow(where, f"{where}/withdraw", reason="samtykket er trukket")
    assert stranger.get(address).status_code == 404
    with scene.runtime.database.reading() as session:
        assert session.get_one(Broadcast, drafted)
