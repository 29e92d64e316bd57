"""The pages of the main job with 20,000 deliveries in the incident: what the server needs for each.

A real console over HTTP, a signed-in officer, one request after another; the time includes the network stack of this
machine and nothing of a browser.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pyotp
import requests

from benchmarks.figures import heading, spread
from crisis.embedded.seed import PASSWORD
from crisis.states import Mode
from tests.browser.demo import demo
from tests.stories.town import Town

ROUNDS = 200
SLOTS = {"slot-place": "Oslo S", "slot-hospital": "ulleval", "slot-kin_phone": "23 00 00 50"}


def measure(folder: Path, *, database_url: str = "", people: int = 20_000) -> None:
    """Print how long board and preview take, while nothing is sent and while everything is."""
    heading(f"Pages with {people:,} deliveries in the incident ({'PostgreSQL' if database_url else 'SQLite'})")
    with demo(folder, countdown=0, database_url=database_url) as (here, secrets):
        here.populate(people)
        officer = sign_in(here, "vakt-ous", secrets["vakt-ous"])
        console = here.runtime.settings.console.public_url
        incident = here.open(Mode.DRILL)
        draft = _draft(officer, console, str(incident))
        show("preview, before release", lambda: officer.get(draft).raise_for_status(), 50)
        broadcast = here.release(incident, channels=("sms",))
        board = f"{console}/broadcasts/{broadcast}/board"
        show("board, while sending", lambda: officer.get(board).raise_for_status())
        here.stop("sender-drill")
        show("board, at rest", lambda: officer.get(board).raise_for_status())
        show("first page", lambda: officer.get(console).raise_for_status())
        show("incident", lambda: officer.get(f"{console}/incidents/{incident}").raise_for_status())


def show(name: str, ask: Callable[[], object], rounds: int = ROUNDS) -> None:
    """Ask `rounds` times and print the spread in milliseconds."""
    ask()
    took = []
    for _ in range(rounds):
        start = time.perf_counter()
        ask()
        took.append((time.perf_counter() - start) * 1000)
    print(f"  {name:<26} {spread(took)}")


def sign_in(here: Town, login: str, secret: str) -> requests.Session:
    """A session with the cookies of a signed-in user."""
    console = here.runtime.settings.console.public_url
    session = requests.Session()
    page = session.get(f"{console}/sign-in")
    page = _post(session, page, {"login": login, "password": PASSWORD})
    _post(session, page, {"code": pyotp.TOTP(secret).now()}).raise_for_status()
    return session


def _post(session: requests.Session, page: requests.Response, fields: dict[str, str]) -> requests.Response:
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    if token is None:
        raise ValueError(f"no form on {page.url}")
    return session.post(page.url, data={"csrf_token": token[1], **fields}, headers={"Sec-Fetch-Site": "same-origin"})


def _draft(session: requests.Session, console: str, incident: str) -> str:
    """A filled draft in the incident; gives its address."""
    page = session.get(f"{console}/incidents/{incident}")
    made = session.post(
        f"{console}/incidents/{incident}/draft",
        data={"csrf_token": re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)[1], "message": "initial"},  # type: ignore[index]
    )
    made.raise_for_status()
    fields = {**SLOTS, "account": "sms-ous-drill", "audience": "staff", "go": "look"}
    _post(session, made, fields).raise_for_status()
    return made.url
