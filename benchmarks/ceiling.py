"""The ceiling: our SMS adapter in a bare event loop, nothing queued and nothing recorded.

`python -m benchmarks.ceiling PROVIDER PEOPLE` prints recipients a second.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import uvloop

from crisis.channels.base import Outgoing
from crisis.channels.registry import KINDS, Opening
from crisis.channels.twilio import sms
from tests.channels.contract import MemoryNotes

TEXT = "Oslo universitetssykehus: Mange er skadd ved Oslo S. Vi tar imot skadde. Neste melding kl. 04:15."


async def run(provider: str, people: int) -> float:
    os.environ["CEILING_TOKEN"] = "none"
    options = sms.Options.model_validate(
        {
            "account_sid": "AC" + "1" * 32,
            "auth_token": {"env": "CEILING_TOKEN"},
            "from_number": "+15005551100",
            "base_url": provider,
        }
    )
    channel = KINDS["sms"].open(
        Opening(
            "sms", "OUS", "live", ("nb",), options, "http://127.0.0.1:1", Path(), ZoneInfo("Europe/Oslo"), MemoryNotes()
        )
    )
    numbers = itertools.count()

    async def speak() -> None:
        while (number := next(numbers)) < people:
            await channel.send(Outgoing(f"{number:032x}.1", f"{number:032x}", f"+4741{number:06}", "nb", TEXT))

    start = time.perf_counter()
    await asyncio.gather(*(speak() for _ in range(channel.facts.concurrency)))
    took = time.perf_counter() - start
    await channel.close()
    return people / took


if __name__ == "__main__":
    print(uvloop.run(run(sys.argv[1], int(sys.argv[2]))))
