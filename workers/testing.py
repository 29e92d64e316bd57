"""Runs the silent test of every way out when it is due. Part of the listener, which holds every account open."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from functools import partial

import structlog
from sqlalchemy.orm import Session

from crisis.broadcasts import notice, notice_words
from crisis.channels.base import Channel, Checks, Health, Probes, SendError
from crisis.models import LinkTest, utcnow
from crisis.runtime import Runtime
from crisis.sending import link_test
from crisis.states import Mode, Role

log = structlog.get_logger()

LOOK_SECONDS = 2.0
PATIENCE_SECONDS = 60.0  # for one provider


class Testing:
    """The tests of one listener."""

    __test__ = False  # no test of pytest's, whatever its name says

    def __init__(self, runtime: Runtime, channels: Mapping[uuid.UUID, Channel]) -> None:
        self._runtime = runtime
        self._channels = channels

    async def run(self, stopping: asyncio.Event) -> None:
        """Until asked to stop. Trouble with one way is written down as its result."""
        while not stopping.is_set():
            try:
                for test_id in await asyncio.to_thread(self._take):
                    await self._test(test_id)
            except Exception:  # the database is away: a test that began is ended by the next listener
                log.exception("link_test.failed")
            try:
                await asyncio.wait_for(stopping.wait(), LOOK_SECONDS)
            except TimeoutError:
                continue

    def _take(self) -> list[uuid.UUID]:
        now = utcnow()
        with self._runtime.database.writing() as session:
            link_test.plan(session, self._runtime.settings, now)
            return list(link_test.take(session, now))

    async def _test(self, test_id: uuid.UUID) -> None:
        accounts = await asyncio.to_thread(self._accounts, test_id)
        await asyncio.gather(*(self._look(test_id, account_id) for account_id in accounts))
        await asyncio.to_thread(self._end, test_id)

    def _accounts(self, test_id: uuid.UUID) -> list[uuid.UUID]:
        with self._runtime.database.reading() as session:
            return [one.id for one in link_test.accounts_of(session, test_id)]

    async def _look(self, test_id: uuid.UUID, account_id: uuid.UUID) -> None:
        found = await self._found(account_id)
        await asyncio.to_thread(self._keep, partial(link_test.keep, now=utcnow()), test_id, account_id, found)

    async def _found(self, account_id: uuid.UUID) -> Health | None:
        channel = self._channels.get(account_id)
        if channel is None:
            return Health(ok=False, say="the listener could not open this account; its log says why")
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                if isinstance(channel, Probes):
                    return await channel.probe()
                return await channel.check() if isinstance(channel, Checks) else None
        except SendError as error:
            return Health(ok=False, say=error.say)
        except TimeoutError:
            return Health(ok=False, say="no answer in time")
        except Exception as error:  # a defect of the adapter is a way that can't be trusted
            log.exception("link_test.defect", account=str(account_id))
            return Health(ok=False, say=f"the look failed: {type(error).__name__}")

    def _keep(self, keep: partial[None], test_id: uuid.UUID, account_id: uuid.UUID, found: Health | None) -> None:
        with self._runtime.database.writing() as session:
            keep(session, test_id, account_id, found)

    def _end(self, test_id: uuid.UUID) -> None:
        with self._runtime.database.writing() as session:
            failed = link_test.end(session, test_id, utcnow())
            log.info("link_test.ended", test=str(test_id), failed=[one.account for one in failed])
            if live := [one for one in failed if one.mode is Mode.LIVE]:
                self._tell(session, session.get_one(LinkTest, test_id), live)

    def _tell(self, session: Session, test: LinkTest, failed: list[link_test.Failed]) -> None:
        """Administrators hear of it over the ways that still work."""
        notice.send(
            session,
            notice_words.ways_failed([one.account for one in failed], self._runtime.settings),
            notice.users_with(session, test.unit_id, Role.ADMINISTRATOR, but=None),
            unit_id=test.unit_id,
            mode=Mode.LIVE,
            incident_id=None,
            now=utcnow(),
        )
