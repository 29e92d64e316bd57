"""Beside the clock: keeps this machine's copy for break-glass fresh, and merges the journals that break-glass left behind.

In a thread of its own, because copying a million destinations may take longer than a tick. Whatever fails is tried again.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import structlog

from crisis.breakglass import late_receipts, local_copy, machine
from crisis.breakglass.folder import Busy, Folder
from crisis.breakglass.merge import merge_all
from crisis.breakglass.proof import Proof
from crisis.models import utcnow
from crisis.runtime import Runtime
from crisis.sending import pulse

log = structlog.get_logger()

EVERY_SECONDS = 60.0
END_SECONDS = 5.0


@contextlib.contextmanager
def beside(runtime: Runtime) -> Iterator[None]:
    """Work in the background for as long as the block lasts."""
    stopping = threading.Event()
    thread = threading.Thread(target=_work, args=(runtime, stopping), name="last-resort", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(END_SECONDS)  # a merge cut off here is whole or not there, and the next one sees which


def _work(runtime: Runtime, stopping: threading.Event) -> None:
    told: set[str] = set()
    next_copy = 0.0
    while not stopping.is_set():
        try:
            merge(runtime, told)
            if runtime.settings.emergency_copy_minutes and time.monotonic() >= next_copy:
                copy(runtime, told)
                next_copy = time.monotonic() + runtime.settings.emergency_copy_minutes * 60
        except Exception:  # the database is away or busy: in a minute again
            log.exception("last_resort.failed")
        stopping.wait(EVERY_SECONDS)


def merge(runtime: Runtime, told: set[str]) -> None:
    """Merge what waits. A journal that can't be merged is logged once in the life of this process.

    While it waits it beats like a process does, so that the first page can say so and stops by itself.
    """
    folder, proof = Folder(runtime.settings.data_dir), Proof.of(runtime.settings)
    for merged in merge_all(runtime.database, folder, machine.here(), proof):
        name = merged.path.stem
        if not merged.trouble:
            log.info("journal.merged", journal=name, rows=dict(merged.counts))
            continue
        with runtime.database.writing() as session:
            pulse.beat(session, f"{name}@{machine.here().host}"[:80], pulse.STUCK_JOURNAL, utcnow(), merged.trouble)
        if merged.trouble not in told:
            told.add(merged.trouble)
            log.error("journal.not_merged", journal=name, say=merged.trouble)
    with runtime.database.writing() as session:
        if count := late_receipts.apply(session, utcnow()):
            log.info("receipts.late", count=count)


def copy(runtime: Runtime, told: set[str]) -> None:
    """Make the local copy anew."""
    try:
        counts = local_copy.refresh(runtime.database, Folder(runtime.settings.data_dir), utcnow())
    except (local_copy.NothingToCopy, Busy) as error:
        if str(error) not in told:
            told.add(str(error))
            log.warning("copy.not_made", say=str(error))
    else:
        log.info("copy.made", rows=sum(counts.values()))
