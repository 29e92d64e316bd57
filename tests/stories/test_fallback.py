"""The first SMS provider goes away, the second takes over, and every phone gets exactly one text; then back again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from crisis.models import Account, AuditRow, Broadcast, Destination, Grant, Person, User
from crisis.sending.pause import resume
from crisis.states import Mode, Role
from tests.stories.proof import prove, with_lines
from tests.stories.town import Town, eventually, free_port, town

pytestmark = pytest.mark.slow
OTHER = "mastodon"
# Another provider: other keys, another number.
BACKUP = """
[[accounts]]
key = "sms-backup"
unit = "ous"
channel = "sms"
mode = "live"
languages = ["nb", "nn", "en"]
account_sid = "{sid}"
auth_token = {{ env = "SMS_HOD_AUTH_TOKEN" }}
api_key_sid = "{key}"
api_key_secret = {{ env = "SMS_HOD_API_KEY_SECRET" }}
from_number = "{number}"
base_url = "{url}"
"""


def with_backup(base: str = "") -> Callable[[str], str]:
    """Settings with a second provider, and the first one at `base`."""

    def edit(source: str) -> str:
        hod = source[source.index('key = "sms-hod"') :]
        told = {
            name: hod[hod.index(f"{name} = ") :].split('"')[1] for name in ("account_sid", "api_key_sid", "base_url")
        }
        number = hod[hod.index("from_number = ") :].split('"')[1]
        head, tail = source[: source.index('key = "sms-ous"\n')], source[source.index('key = "sms-ous"\n') :]
        tail = tail.replace('key = "sms-ous"\n', 'key = "sms-ous"\nfallback = "sms-backup"\n', 1)
        if base:
            tail = tail.replace(told["base_url"], base, 1)
        backup = BACKUP.format(sid=told["account_sid"], key=told["api_key_sid"], number=number, url=told["base_url"])
        return head + tail + backup

    return edit


def account(here: Town, key: str = "sms-ous") -> Account:
    with here.runtime.database.reading() as session:
        return session.scalars(select(Account).where(Account.key == key)).one()


def senders(here: Town) -> set[str]:
    return {one["from"] for one in here.simulator.state("messages")["messages"]}


def acts(here: Town) -> list[str]:
    with here.runtime.database.reading() as session:
        rows = session.scalars(select(AuditRow.act).order_by(AuditRow.number))
        return [act for act in rows if act.startswith("account.")]


def longer_ago(here: Town, column: str) -> None:
    """Six minutes pass."""
    past = datetime.now(UTC) - timedelta(minutes=6)
    with here.runtime.database.writing() as session:
        session.execute(update(Broadcast).where(Broadcast.leaves_at.is_not(None)).values(leaves_at=past))
        session.execute(update(Account).where(getattr(Account, column).is_not(None)).values({column: past}))


def test_the_second_provider_takes_over_and_gives_back(tmp_path: Path, database_url: str) -> None:
    closed = f"http://127.0.0.1:{free_port()}"
    with town(tmp_path, database_url=database_url, edit=with_backup(closed)) as here:
        phones = here.populate(40)
        here.start("sender-live", "clock")
        first = here.release(here.open(Mode.LIVE), channels=("sms",))
        eventually(lambda: account(here).troubled_at)
        assert acts(here) == []  # a short trouble switches nothing
        assert here.phones() == {}
        longer_ago(here, "troubled_at")
        assert here.found_out(first) == {"accepted": len(phones)}
        assert acts(here) == ["account.switched_over"]
        prove(here, first, once=phones)
        own_number = with_own(here)
        assert own_number not in senders(here)

        # The provider is back.
        path = here.folder / "crisis.toml"
        path.write_text(path.read_text().replace(closed, here.simulator.url))
        assert here.stop("sender-live") == 0
        with here.runtime.database.writing() as session:
            session.execute(update(Account).values(checked_at=None))
        here.start("sender-live")
        eventually(lambda: account(here).well_at)
        second = here.release(here.open(Mode.LIVE, "Andre"), channels=("sms",))  # not yet trusted
        assert here.found_out(second) == {"accepted": len(phones)}
        assert own_number not in senders(here)
        longer_ago(here, "well_at")
        eventually(lambda: acts(here) == ["account.switched_over", "account.switched_back"])
        third = here.release(here.open(Mode.LIVE, "Tredje"), channels=("sms",))
        assert here.found_out(third) == {"accepted": len(phones)}
        assert own_number in senders(here)
        prove(here, first, second, third, once=phones * 3)


def with_own(here: Town) -> str:
    told = next(one for one in here.runtime.settings.accounts if one.key == "sms-ous")
    return str(told.options.from_number)


def test_refused_keys_hand_over_at_once_and_administrators_hear_of_it(tmp_path: Path, database_url: str) -> None:
    with town(tmp_path, database_url=database_url, edit=with_backup()) as here:
        phones = here.populate(12)
        with here.runtime.database.writing() as session:
            user = session.scalars(select(User).where(User.login == "vakt")).one()
            person = Person(unit_id=account(here).unit_id, reference="adm", name="Administrator", language="nb")
            person.destinations.append(Destination(medium="mailbox", address="adm@ous.example"))
            session.add(person)
            session.flush()
            user.person_id = person.id
            session.add(Grant(user_id=user.id, unit_id=person.unit_id, role=Role.ADMINISTRATOR))
        here.environment["SMS_OUS_API_KEY_SECRET"] = "not-the-secret"
        here.start("sender-live", "clock")
        broadcast = here.release(here.open(Mode.LIVE), channels=("sms",))
        assert here.found_out(broadcast) == {"accepted": len(phones)}
        assert with_own(here) not in senders(here)
        assert acts(here) == ["account.paused", "account.switched_over"]
        prove(here, broadcast, once=phones)
        eventually(lambda: len(here.simulator.state("mails")["mails"]) == 2)  # it stopped; another speaks for it
        with here.runtime.database.writing() as session:
            resume(session, here.officer(), session.scalars(select(Account).where(Account.key == "sms-ous")).one())
        assert acts(here)[-1] == "account.resumed"
        assert account(here).back_at is None  # only after a calm


def test_another_network_speaks_for_one_that_refuses_and_nowhere_twice(tmp_path: Path, database_url: str) -> None:
    """What a broadcast says there anyway is not said there a second time; it waits for its own account."""
    with town(tmp_path, database_url=database_url, edit=with_lines(x_ous=f'fallback = "{OTHER}-ous"')) as here:
        here.simulator.fault("x", "403", scope="all")
        here.start("sender-live", "clock")
        first = here.release(here.open(Mode.LIVE), channels=("x",))
        assert here.found_out(first) == {"accepted": 1}
        assert acts(here) == ["account.paused", "account.switched_over"]
        assert (len(on(here, OTHER)), here.simulator.state("posts")["posts"]) == (1, [])
        both = here.release(here.open(Mode.LIVE, "Andre"), channels=("x", OTHER))
        eventually(lambda: here.states(both) == {"accepted": 1, "queued": 1})
        here.simulator.clear_faults()
        with here.runtime.database.writing() as session:
            resume(session, here.officer(), session.scalars(select(Account).where(Account.key == "x-ous")).one())
        assert here.found_out(both) == {"accepted": 2}
        assert (len(on(here, OTHER)), len(here.simulator.state("posts")["posts"])) == (2, 1)
        prove(here, first, both)


def on(here: Town, network: str) -> list[dict[str, object]]:
    return [one for one in here.simulator.state("networks")["networks"][network] if one["ours"]]
