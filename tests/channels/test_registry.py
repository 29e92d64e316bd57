"""Every channel there is, and the promise that knowing them opens nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from crisis.channels.registry import FACTS, KINDS, OPTIONS

ALONE = """
import socket, os
def no(*a, **k): raise AssertionError("the network was touched")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = no
from crisis.settings import SecretRef
SecretRef.reveal = no
from crisis.channels.registry import KINDS
print(sorted(KINDS))
"""


def test_importing_opens_no_network_and_reveals_no_secret() -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(sorted(KINDS))


@pytest.mark.parametrize("name", KINDS)
def test_every_channel_is_whole(name: str) -> None:
    facts = FACTS[name]
    assert facts.name == name
    assert facts.pace > 0
    assert facts.concurrency >= 1
    assert facts.measure("Ring 113").over == 0
    for key, setting in OPTIONS[name].model_fields.items():
        assert setting.description, f"{name}.{key} is not explained"
