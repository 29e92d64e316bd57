"""Whoever releases may die in the next moment: what is committed is sent, what is not leaves no trace."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from sqlalchemy import func, select

from crisis.models import AuditRow, Broadcast, Delivery, Grant, User
from crisis.states import BroadcastState, Mode
from tests import nursery
from tests.stories.proof import prove
from tests.stories.town import town

pytestmark = pytest.mark.slow

# Dies where a console could: with the release committed and no wake-up sent, or with everything written but the commit.
RELEASE = """
import os, pathlib, signal, sys, uuid
from sqlalchemy import event
from crisis import runtime
from tests.stories.town import Town
parts = runtime.build(runtime.load(pathlib.Path(os.environ["CRISIS_SETTINGS"])))
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
here = Town(pathlib.Path("."), None, parts, dict(os.environ), "")
if sys.argv[2] == "after":
    parts.database.after_commit = die
else:
    event.listen(parts.database.engine, "commit", die)
here.let_go(uuid.UUID(sys.argv[1]))
"""

# The console with an officer at the release page, dying in the moment its commit is through.
CONSOLE = """
import os, pathlib, re, signal, sys, uuid
from crisis import runtime
from crisis.console import create_app, identity
from crisis.models import utcnow
parts = runtime.start(runtime.load(pathlib.Path(os.environ["CRISIS_SETTINGS"])))
app = create_app(parts)
with parts.database.writing() as session:
    token = identity.start(session, uuid.UUID(sys.argv[2]), "127.0.0.1", utcnow(), complete=True)
client, page = app.test_client(), f"/broadcasts/{sys.argv[1]}/release"
client.set_cookie(identity.cookie_name(app.config), token)
html = client.get(page).text
form = {name: re.search(f'name="{name}" value="([^"]*)"', html)[1] for name in ("csrf_token", "digest", "read_at")}
parts.database.after_commit = lambda session: session.info and os.kill(os.getpid(), signal.SIGKILL)
print(client.post(page, data={"read": "yes", **form}).text)
"""


def test_the_console_is_killed_right_after_the_commit(tmp_path: Path, database_url: str) -> None:
    """The officer sees an error and nobody is woken up; everybody gets it once, and pressing again changes nothing."""
    with town(tmp_path, database_url=database_url) as here:
        phones = here.populate(5)
        here.start("sender-live")
        officer = here.officer()
        with here.runtime.database.writing() as session:
            user = session.get_one(User, officer.user_id)
            user.grants += [Grant(unit_id=unit, role=role) for unit, role in officer.roles]
        broadcast = here.draft(here.open(Mode.LIVE), channels=("sms",))
        died = nursery.Process(["-c", CONSOLE, str(broadcast), str(officer.user_id)], here.environment)
        assert died.wait(60) == -signal.SIGKILL
        assert here.settled_soon(broadcast) == {"accepted": 5}
        prove(here, broadcast, once=phones)
        again = nursery.Process(["-c", CONSOLE, str(broadcast), str(officer.user_id)], here.environment)
        assert again.wait(60) != 0
        prove(here, broadcast, once=phones)


@pytest.mark.parametrize("moment", ["after", "before"])
def test_killed_beside_the_commit(tmp_path: Path, database_url: str, moment: str) -> None:
    with town(tmp_path, database_url=database_url) as here:
        phones = here.populate(5)
        here.start("sender-live", "clock")
        broadcast = here.draft(here.open(Mode.LIVE), channels=("sms",))
        died = nursery.Process(["-c", RELEASE, str(broadcast), moment], here.environment)
        assert died.wait(60) == -signal.SIGKILL
        with here.runtime.database.reading() as session:
            state = session.get_one(Broadcast, broadcast).state
            acts = session.scalars(select(AuditRow.act).where(AuditRow.act == "broadcast.released")).all()
            count = session.scalar(select(func.count()).select_from(Delivery))
        if moment == "before":
            assert (state, list(acts), count) == (BroadcastState.DRAFT, [], 0)
            assert not here.phones()
        else:
            assert acts == ["broadcast.released"]
            assert here.settled_soon(broadcast) == {"accepted": 5}
            prove(here, broadcast, once=phones)
