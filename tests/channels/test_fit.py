"""Every playbook message fits on the networks that playbooks do not name yet, with every slot full and in a drill."""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path

from crisis.channels.registry import FACTS
from crisis.playbooks.check import check
from crisis.playbooks.read import read_all

PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"


def test_every_message_fits_on_mastodon_bluesky_and_a_web_site(tmp_path: Path) -> None:
    folder = tmp_path / "playbooks"
    shutil.copytree(PLAYBOOKS, folder)
    named = 0
    for path in folder.glob("*.toml"):
        wider = r'channels = ["mastodon", "bluesky", "wordpress"]'
        text, count = re.subn(r"^channels = \[.*\]$", wider, path.read_text(), flags=re.MULTILINE)
        path.write_text(text)
        named += count
    shelf = read_all(folder)
    assert named >= len(shelf.playbooks) > 0
    errors = [one for one in check(shelf, FACTS, date(2026, 11, 22)) if one.severity == "error"]
    assert not errors, "\n".join(map(str, errors))
