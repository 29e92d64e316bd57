"""The catalogues: compiled when stale, the same placeholders everywhere, and the words of this part all there."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from babel.messages import pofile

from crisis.console import language


@pytest.mark.parametrize("code", ["nb", "nn"])
def test_translations_keep_their_placeholders(code: str) -> None:
    with (language.CATALOGUES / code / "LC_MESSAGES" / "messages.po").open("rb") as words:
        catalogue = pofile.read_po(words, locale=code)
    holds = re.compile(r"%\((\w+)\)[sd]")
    for message in catalogue:
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        for text in message.string if isinstance(message.string, tuple) else (message.string,):
            if message.id and text:
                assert set(holds.findall(text)) <= set(holds.findall(ids[-1])), message.id
                assert not text.startswith(" "), message.id


def test_a_stale_catalogue_is_compiled_and_a_fresh_one_left(tmp_path: Path) -> None:
    shutil.copytree(language.CATALOGUES, tmp_path / "t", ignore=shutil.ignore_patterns("*.mo"))
    language.compile_catalogues(tmp_path / "t", tmp_path / "spare")
    made = tmp_path / "t" / "nb" / "LC_MESSAGES" / "messages.mo"
    first = made.stat().st_mtime_ns
    language.compile_catalogues(tmp_path / "t", tmp_path / "spare")
    assert made.stat().st_mtime_ns == first
    os.utime(made, (0, 0))
    language.compile_catalogues(tmp_path / "t", tmp_path / "spare")
    assert made.stat().st_mtime_ns >= first
