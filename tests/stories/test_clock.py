"""Machines that disagree about the time by an hour: what is in the air is taken for lost, looked for, and said once."""

from __future__ import annotations

from pathlib import Path

import pytest

from crisis.states import Mode
from tests import nursery
from tests.stories.proof import outcomes, prove, with_lines
from tests.stories.town import Town, eventually, town

pytestmark = pytest.mark.slow
HOUR = 3600
# A process of the product on a machine whose clock is wrong by so many seconds.
WRONG = """
import runpy, sys, time
import time_machine
_, seconds, module, *rest = sys.argv
time_machine.travel(time.time() + float(seconds), tick=True).start()
sys.argv = [module, *rest]
sys.modules.pop(module, None)
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def start_wrong(here: Town, name: str, seconds: int, *words: str) -> None:
    here.processes[name] = nursery.Process(["-c", WRONG, str(seconds), *words], here.environment)


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
@pytest.mark.parametrize("kind", ["hang", "hang_after"])
def test_another_machine_with_a_wrong_clock_takes_over(
    tmp_path: Path, database_url: str, kind: str, seconds: int
) -> None:
    lines = "connect_seconds = 1\nread_seconds = 30"
    with town(tmp_path, database_url=database_url, edit=with_lines(sms_ous=lines)) as here:
        phones = here.populate(4)
        here.start("sender-live")
        here.simulator.fault("twilio", kind)
        broadcast = here.release(here.open(Mode.LIVE), channels=("sms",))
        eventually(lambda: here.simulator.state("requests")["requests"].get("twilio create", 0) == len(phones))
        here.kill("sender-live")
        here.simulator.clear_faults()
        start_wrong(here, "clock", seconds, "workers.clock")
        start_wrong(here, "sender-live", seconds, "workers.sender", "--mode", "live")
        eventually(lambda: here.hurry(seconds) or here.states(broadcast) == {"accepted": len(phones)}, every=0.5)
        prove(here, broadcast, once=phones)
        assert outcomes(here, broadcast, phones[0])[0] == "lost uncertain"
