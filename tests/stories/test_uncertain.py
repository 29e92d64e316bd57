"""What nobody can find out is shown, never guessed: a public post waits for a person, and two persons decide once."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from crisis.models import Broadcast, Delivery
from crisis.sending import resolve
from crisis.states import Mode, NotAllowed
from tests.stories.proof import history, outcomes, prove, uncertain, with_lines
from tests.stories.town import Town, eventually, town

pytestmark = pytest.mark.slow
SHORT = "connect_seconds = 1\nread_seconds = 1"


def posts(here: Town) -> int:
    return len(here.simulator.state("posts")["posts"])


def lost_post(here: Town) -> uuid.UUID:
    """A post that X has taken, the answer lost, and a wall that nobody can read."""
    here.simulator.fault("x", "reset_after", times=1)
    here.simulator.fault("x", "500_before", scope="all")
    broadcast = here.release(here.open(Mode.LIVE), channels=("x",))
    eventually(lambda: here.states(broadcast) == {"uncertain": 1})
    return broadcast


def test_a_post_that_cannot_be_looked_up_is_not_repeated_until_a_person_has_looked(
    tmp_path: Path, database_url: str
) -> None:
    with town(tmp_path, database_url=database_url, edit=with_lines(x_ous=SHORT)) as here:
        here.start("sender-live", "clock")
        broadcast = lost_post(here)
        # Three failed looks are what was tried to find out; they are not three looks that found nothing.
        eventually(lambda: here.hurry() or "look4 unreachable" in outcomes(here, broadcast, "wall"), every=0.3)
        assert here.states(broadcast) == {"uncertain": 1}
        assert posts(here) == 1
        assert outcomes(here, broadcast, "wall")[0] == "send uncertain"
        with here.runtime.database.writing() as session:
            resolve.it_is_there(session, here.officer(), session.get_one(Delivery, uncertain(here, broadcast)[0].id))
        assert here.states(broadcast) == {"accepted": 1}
        eventually(lambda: closed(here, broadcast))
        assert posts(here) == 1
        prove(here, broadcast)


def test_send_again_is_decided_once_and_only_when_it_may_still_leave(tmp_path: Path, database_url: str) -> None:
    with town(tmp_path, database_url=database_url, edit=with_lines(x_ous=SHORT)) as here:
        here.start("sender-live", "clock")
        here.simulator.fault("x", "reset_before", times=1)
        blind = here.simulator.fault("x", "500_before", scope="all")
        broadcast = here.release(here.open(Mode.LIVE), channels=("x",))
        eventually(lambda: here.states(broadcast) == {"uncertain": 1})
        stale = uncertain(here, broadcast)[0]
        here.simulator.clear_faults()
        assert blind
        with here.runtime.database.writing() as session:
            resolve.send_again(session, here.officer(), session.get_one(Delivery, stale.id))
        eventually(lambda: here.states(broadcast) == {"accepted": 1})
        assert posts(here) == 1
        for decide in (resolve.send_again, resolve.it_is_there):  # another officer, with an older page before the eyes
            with pytest.raises(NotAllowed), here.runtime.database.writing() as session:
                decide(session, here.officer(), stale)
        assert here.states(broadcast) == {"accepted": 1}
        prove(here, broadcast)


def test_an_update_leaves_although_the_first_is_in_doubt_and_the_first_never_after_it(
    tmp_path: Path, database_url: str
) -> None:
    with town(tmp_path, database_url=database_url, edit=with_lines(email_ous=SHORT)) as here:
        here.populate(3, channels=("mailbox",))
        here.simulator.fault("smtp", "reset_before", times=3)
        here.start("sender-live", "clock")
        incident = here.open(Mode.LIVE)
        first = here.release(incident, channels=("email",))
        eventually(lambda: here.states(first) == {"uncertain": 3})
        update = here.release(incident, "update", follows=first)
        eventually(lambda: here.states(update) == {"accepted": 3})
        assert here.found_out(first) == {"cancelled": 3}
        assert all("what follows it has left" in one.say for one in history(here, first))
        subjects = {mail["subject"] for mail in here.simulator.state("mails")["mails"]}
        assert len(here.simulator.state("mails")["mails"]) == 3
        assert len(subjects) == 1
        prove(here, first, update)


def closed(here: Town, broadcast: uuid.UUID) -> bool:
    with here.runtime.database.reading() as session:
        return session.get_one(Broadcast, broadcast).state == "closed"
