"""How many texts a second the simulator takes, with the one who sends them in the same process: it must not be the brake.

`python -m benchmarks.pretend [--texts N]`.
"""

from __future__ import annotations

import argparse
import asyncio
import time

import aiohttp

from benchmarks.figures import heading
from crisis.simulator.server import Simulator

AT_ONCE = 100


async def rate(simulator: Simulator, texts: int) -> float:
    account = simulator.internet.accounts.sms[0]
    url = f"{simulator.url}/twilio/2010-04-01/Accounts/{account.sid}/Messages.json"
    login = {"Authorization": aiohttp.encode_basic_auth(account.sid, account.auth_token)}
    async with aiohttp.ClientSession(headers=login, raise_for_status=True) as session:

        async def one(number: int) -> None:
            form = {"To": f"+1500{number:07}", "From": account.numbers[0], "Body": "Come to work, please."}
            async with session.post(url, data=form):
                pass

        began = time.perf_counter()
        for start in range(0, texts, AT_ONCE):
            await asyncio.gather(*(one(number) for number in range(start, min(start + AT_ONCE, texts))))
        return texts / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.pretend")
    parser.add_argument("--texts", type=int, default=2_000)
    told = parser.parse_args()
    heading(f"{told.texts:,} texts to the simulator")
    with Simulator.start(delay=0.05) as simulator:
        print(f"  {asyncio.run(rate(simulator, told.texts)):8,.0f} /s", flush=True)


if __name__ == "__main__":
    main()
