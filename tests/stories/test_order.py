"""Who goes first when not everybody can: urgent words before bulk, old words never after new ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from crisis.states import Mode
from tests.stories.proof import prove, with_lines
from tests.stories.town import Town, eventually, town

pytestmark = pytest.mark.slow


def arrived(here: Town) -> list[tuple[str, str]]:
    """Every text in the order the provider took it: phone and words."""
    return [(one["to"], one["body"]) for one in here.simulator.state("messages")["messages"]]


def test_a_second_incident_is_not_stuck_behind_the_bulk_of_the_first(tmp_path: Path, database_url: str) -> None:
    with town(tmp_path, database_url=database_url, edit=with_lines(sms_ous="pace = 25")) as here:
        bulk = here.populate(500)
        few = here.populate(3, group="leaders")
        here.start("sender-live", "clock")
        first = here.release(here.open(Mode.LIVE, "Den store"), channels=("sms",))
        eventually(lambda: len(arrived(here)) >= 110)  # beyond the head of a hundred that everything has
        second = here.release(here.open(Mode.LIVE, "Den andre"), channels=("sms",), audiences=("leaders",))
        before = len(arrived(here))  # once it is released: a slow machine takes its time to write it down
        eventually(lambda: here.states(second) == {"accepted": 3})
        order = [phone for phone, _ in arrived(here)]
        assert max(order.index(phone) for phone in few) - before < 12
        assert here.states(first)["queued"] > 300
        assert len(bulk) == 500
        prove(here, second, once=few)


def test_an_update_never_overtakes_what_it_updates(tmp_path: Path, database_url: str) -> None:
    with town(tmp_path, database_url=database_url, edit=with_lines(sms_ous="pace = 40")) as here:
        phones = here.populate(60)
        here.simulator.fault("twilio", "429", times=3, seconds=1)
        here.simulator.fault("twilio", "reset_before", times=3, match=phones[7])
        here.start("sender-live", "clock")
        incident = here.open(Mode.LIVE)
        first = here.release(incident, channels=("sms",))
        update = here.release(incident, "update", follows=first)
        here.found_out(first, update)
        texts: dict[str, list[str]] = {}
        for phone, body in arrived(here):
            texts.setdefault(phone, []).append(body)
        whole = [body for body in texts.values() if len(body) == 2]
        assert len(whole) >= len(phones) - 1  # one was in doubt; it has the update, and never the older after it
        olds, news = {body[0] for body in whole}, {body[1] for body in whole}
        assert len(olds) == len(news) == 1
        assert olds != news
        assert all(body[-1] in news for body in texts.values())
        assert set(texts) == set(phones)
        prove(here, first, update)
