"""The main job on real processes: released once, everybody gets it once, and it can be corrected and ended."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from crisis.states import Mode
from tests.stories.town import eventually, town


@pytest.mark.parametrize("mode", [Mode.DRILL, Mode.LIVE])
def test_released_corrected_and_ended(tmp_path: Path, database_url: str, mode: Mode) -> None:
    with town(tmp_path, database_url=database_url, cold=True) as here:
        phones = here.populate(20, channels=("phone", "mailbox"))
        here.start("console", f"sender-{mode}", "clock")
        incident = here.open(mode)
        first = here.release(incident)
        states = here.settled(first)
        assert states == here.counted(first)
        assert states == {"accepted": 20 + 1 + 3, "delivered": 20}  # mails, a post, the page in three languages; texts
        assert here.phones() == Counter(phones)
        state = here.simulator.state("posts", "mails", "refused")
        assert state["refused"] == []
        assert len(state["mails"]) == 20

        second = here.release(incident, "correction", follows=first)
        assert here.settled(second) == states
        assert here.phones() == Counter(phones + phones)
        posts = here.simulator.state("posts")["posts"]
        assert len(posts) == 2
        third = here.release(incident, "all_clear", follows=second)
        assert here.settled(third) == states
        eventually(lambda: here.simulator.state("refused")["refused"] == [])


def test_what_the_public_answers_is_kept_once(tmp_path: Path, database_url: str) -> None:
    """A phone, a mailbox and a passer-by on X answer; each is stored once, and STOP is obeyed."""
    with town(tmp_path, database_url=database_url) as here:
        phones = here.populate(2, channels=("phone", "mailbox"))
        here.start("console", "sender-live", "clock", "listener")
        first = here.release(here.open(Mode.LIVE), channels=("x", "sms", "email"))
        here.settled(first)
        eventually(lambda: here.cursor("x-ous") and here.cursor("email-ous"))
        here.answer_mail(here.simulator.state("mails")["mails"][0]["number"], "Jeg er trygg.")
        assert here.simulator.say(phones[0], "Er broren min der?") == 200
        assert here.simulator.say(phones[1], "STOPP") == 200
        here.post("passerby", "@OUS_demo er det trygt?")
        eventually(lambda: len(here.inbound()) == 4)
        assert Counter(here.inbound()) == Counter(
            ["Er broren min der?", "STOPP", "@OUS_demo er det trygt?", "Jeg er trygg."]
        )
        second = here.release(here.open(Mode.LIVE, "En hendelse til"), channels=("sms",))
        here.settled(second)
        assert here.phones() == Counter({phones[0]: 2, phones[1]: 1})
