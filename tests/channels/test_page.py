"""The incident page: what is on disk after each step, in each language, with two writers, and in a drill."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from crisis.channels.base import Deletes, Misconfigured, Outgoing, Rejected
from crisis.channels.page.adapter import FACTS, LONGEST_PUBLIC_URL, Options, Page, page_url
from crisis.channels.page.entries import slug
from tests.channels import contract

pytestmark = pytest.mark.asyncio


URL = "https://info.example.org"
SLUG = "a1b2c3d4e5f6"[-10:]
FIRST = replace(
    contract.OUT, mode="live", text="Ring 113.\n\n- Kom ikke hit", released_at=datetime(2026, 11, 22, 13, 5, tzinfo=UTC)
)


def files(folder: Path) -> list[Path]:
    """Every file under `folder` that a web server would show."""
    return [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]


def hidden(folder: Path) -> list[Path]:
    return list(folder.rglob(".*"))


def following(out: Outgoing, number: int, **changed: Any) -> Outgoing:
    at = datetime(2026, 11, 22, 13 + number, 5, tzinfo=UTC)
    return replace(out, delivery_id=f"01936f3e-7c2a-7d4e-8b11-{number:012}", released_at=at, **changed)


@pytest.fixture
def page(tmp_path: Path) -> Page:
    return Page(contract.opening(Options(public_url=URL), tmp_path, mode="live"))


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], str]:
    return lambda name: (tmp_path / "pages" / "live" / name).read_text(encoding="utf-8")


async def test_publishes(page: Page, read: Callable[[str], str]) -> None:
    accepted = await page.send(FIRST)
    assert accepted.provider_id == f"{SLUG}/{FIRST.delivery_id}"
    assert accepted.url == f"{URL}/{SLUG}/index.nb.html#e-{FIRST.delivery_id}"
    html = read(f"{SLUG}/index.nb.html")
    for part in ('<html lang="nb">', "<h1>Mange skadde ved Oslo S</h1>", "<li>Kom ikke hit</li>", 'name="description"'):
        assert part in html
    assert "Sist oppdatert <time" in html
    assert "22. november 2026 kl.\u00a014.05 norsk tid" in html
    assert "noindex" not in html
    assert read(f"{SLUG}/index.html") == html
    assert "<script" not in html
    assert len(html) < 14_000, "one first round trip of TCP carries the whole page"


async def test_the_same_delivery_twice_shows_once(page: Page, read: Callable[[str], str]) -> None:
    await page.send(FIRST)
    before = read(f"{SLUG}/index.html")
    await page.send(replace(FIRST, reference=f"{FIRST.delivery_id}.2"))
    assert read(f"{SLUG}/index.html") == before


async def test_the_address_is_known_before_and_fits_every_text() -> None:
    assert page_url(URL + "/", contract.INCIDENT) == f"{URL}/{SLUG}"
    assert len(page_url("https://" + "x" * (LONGEST_PUBLIC_URL - 8), contract.INCIDENT)) == 60
    for wrong in ("", "abc", "../../../etc/passwd", "x" * 32):
        with pytest.raises(ValueError, match="UUID"):
            page_url(URL, wrong)
    with pytest.raises(ValidationError):
        Options(public_url="https://" + "x" * LONGEST_PUBLIC_URL)
    with pytest.raises(ValidationError):
        Options(public_url="https://info.example.org/")


async def test_newest_first_and_the_first_headline_stays(page: Page, read: Callable[[str], str]) -> None:
    await page.send(FIRST)
    await page.send(following(FIRST, 2, phase="update", title="Oppdatering: to", text="Nytt"))
    await page.send(following(FIRST, 1, phase="update", title="Oppdatering: en", text="Litt nytt"))
    html = read(f"{SLUG}/index.html")
    assert html.index("Oppdatering: to") < html.index("Oppdatering: en") < html.index("Ring 113.")
    assert "<h1>Mange skadde ved Oslo S</h1>" in html
    assert "kl.\u00a016.05" in html


@pytest.mark.parametrize("named", [True, False])
async def test_a_correction_marks_what_was_wrong(page: Page, read: Callable[[str], str], *, named: bool) -> None:
    first = await page.send(FIRST)
    right = following(
        FIRST, 1, phase="correction", title="Rettelse", text="Riktig er dette", reply_to=first.provider_id
    )
    await page.send(right if named else replace(right, reply_to=None))
    html = read(f"{SLUG}/index.html")
    wrong = html[html.index(f'id="e-{FIRST.delivery_id}"') :]
    assert "Denne meldingen var feil og er rettet (22. november 2026 kl.\u00a015.05 norsk tid)" in wrong
    assert f'href="#e-{right.delivery_id}"' in wrong
    assert html.count("Denne meldingen var feil") == 1


async def test_all_clear_and_the_list(page: Page, read: Callable[[str], str]) -> None:
    other = replace(following(FIRST, 5, title="Røyk"), incident_id=contract.INCIDENT[:-2] + "00")
    await page.send(FIRST)
    await page.send(other)
    listed = read("index.html")
    assert "Pågående hendelser" in listed
    assert listed.index("Røyk") < listed.index("Mange skadde")
    assert "Avsluttede" not in listed
    await page.send(following(FIRST, 3, phase="all_clear", title="Over", text="Beredskapen er avsluttet."))
    assert "Hendelsen er avsluttet." in read(f"{SLUG}/index.html")
    listed = read("index.html")
    assert listed.index("Røyk") < listed.index("Avsluttede hendelser") < listed.index("Mange skadde")
    await page.send(following(FIRST, 4, phase="update", text="Det har blusset opp igjen."))
    assert "Hendelsen er avsluttet." not in read(f"{SLUG}/index.html")


async def test_languages(page: Page, read: Callable[[str], str], tmp_path: Path) -> None:
    await page.send(replace(FIRST, delivery_id="en-1", language="en", title="Many injured", text="Call 113."))
    assert read(f"{SLUG}/index.html") == read(f"{SLUG}/index.en.html")
    await page.send(FIRST)
    assert read(f"{SLUG}/index.html") == read(f"{SLUG}/index.nb.html")
    english = read(f"{SLUG}/index.en.html")
    assert "Ring 113." not in english
    assert "22 November 2026 at 14:05 Norwegian time" in english
    assert f'href="{URL}/{SLUG}/index.nb.html" lang="nb" hreflang="nb">Bokmål</a>' in english
    assert '<strong aria-current="page" lang="en">English</strong>' in english
    assert not (tmp_path / "pages" / "live" / SLUG / "index.nn.html").exists()


async def test_what_is_true_about_rumours_is_listed_while_it_stands(page: Page, read: Callable[[str], str]) -> None:
    await page.send(FIRST)
    assert "Rykter" not in read(f"{SLUG}/index.nb.html")
    true = following(FIRST, 1, title="Dette stemmer: Akuttmottaket er åpent", phase="initial", about="rumour")
    posted = await page.send(true)
    html = read(f"{SLUG}/index.nb.html")
    assert f'<li><a href="#e-{true.delivery_id}">Dette stemmer: Akuttmottaket er åpent</a></li>' in html
    await page.delete(posted.provider_id)
    assert "Rykter" not in read(f"{SLUG}/index.nb.html")


async def test_withdrawn_words_are_gone_and_stay_gone(page: Page, read: Callable[[str], str], tmp_path: Path) -> None:
    assert isinstance(page, Deletes)
    accepted = await page.send(FIRST)
    await page.delete(accepted.provider_id)
    await page.send(FIRST)
    html = read(f"{SLUG}/index.html")
    assert "Denne meldingen er trukket tilbake." in html
    assert not [path for path in files(tmp_path) if "Ring 113" in path.read_text()]
    await page.delete(f"{SLUG}/never-there")
    await page.delete("0123456789/never-there")
    with pytest.raises(Rejected):
        await page.delete("../../etc/passwd")


async def test_nothing_a_text_says_becomes_markup(page: Page, read: Callable[[str], str]) -> None:
    evil = "<img src=x onerror=alert(1)>\"'</style><script>"
    await page.send(replace(FIRST, title=evil, text=evil, organisation=evil))
    for name in (f"{SLUG}/index.html", "index.html"):
        assert "<img" not in read(name)
        assert "<script" not in read(name)


async def test_only_what_the_public_may_know(page: Page, read: Callable[[str], str], tmp_path: Path) -> None:
    await page.send(replace(FIRST, incident_title="Intern arbeidstittel", address="wall"))
    everything = " ".join(path.read_text() for path in files(tmp_path))
    assert "Intern arbeidstittel" not in everything
    assert json.loads(read(f"{SLUG}/entries/{FIRST.delivery_id}.json"))["title"] == FIRST.title


async def test_a_drill_cannot_be_mistaken_or_found(tmp_path: Path) -> None:
    drill = Page(contract.opening(Options(public_url=URL), tmp_path))
    await drill.send(replace(FIRST, mode="drill"))
    root = tmp_path / "pages" / "drill"
    html = (root / SLUG / "index.html").read_text()
    assert '<meta name="robots" content="noindex' in html
    assert "<title>ØVELSE: " in html
    assert html.count("ØVELSE") >= 4
    assert not (root / "index.html").exists()
    assert not (tmp_path / "pages" / "live").exists()


async def test_a_page_account_takes_its_own_mode_only(page: Page, tmp_path: Path) -> None:
    with pytest.raises(Rejected):
        await page.send(replace(FIRST, mode="drill"))
    with pytest.raises(Rejected):
        await Page(contract.opening(Options(public_url=URL), tmp_path)).send(FIRST)
    assert not files(tmp_path)


@pytest.mark.parametrize(
    "changed", [{"language": "xx"}, {"delivery_id": "../../x"}, {"delivery_id": ""}, {"incident_id": "x"}]
)
async def test_what_cannot_be_shown_is_rejected(changed: dict[str, Any], page: Page) -> None:
    with pytest.raises(Rejected):
        await page.send(replace(FIRST, **changed))


async def test_many_writers_lose_nothing(tmp_path: Path) -> None:
    def publish(number: int) -> None:
        own = Page(contract.opening(Options(public_url=URL), tmp_path, mode="live"))
        asyncio.run(own.send(replace(following(FIRST, 0), delivery_id=f"d-{number}", title=f"Melding {number}.")))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(publish, range(40)))
    folder = tmp_path / "pages" / "live" / SLUG
    html = (folder / "index.html").read_text()
    assert [number for number in range(40) if f"<h2>Melding {number}.</h2>" not in html] == []
    assert not [path for path in hidden(folder) if path.suffix == ".new"]


async def test_files_can_be_read_by_a_web_server(page: Page, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        await page.send(FIRST)
    finally:
        os.umask(before)
    assert (tmp_path / "pages" / "live" / SLUG / "index.html").stat().st_mode & 0o777 == 0o644


async def test_no_room_to_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    page = Page(contract.opening(Options(public_url=URL, directory=tmp_path / "file" / "x"), tmp_path, mode="live"))
    with pytest.raises(Misconfigured, match="Not a directory"):
        await page.send(FIRST)
    assert not (await page.check()).ok


async def test_check_leaves_nothing_behind(page: Page, tmp_path: Path) -> None:
    assert (await page.check()).ok
    assert not files(tmp_path)


async def test_facts() -> None:
    assert FACTS.repeat_safe
    assert slug(contract.INCIDENT) == SLUG
