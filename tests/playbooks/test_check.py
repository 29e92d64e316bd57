"""The runnable check: what it prints and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from crisis.playbooks import check
from tests.playbooks.sample import SOURCE


@pytest.fixture(autouse=True)
def _four_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "known_channels", lambda: check.FOUR_CHANNELS)


def test_good(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "fire.toml").write_text(SOURCE.replace("2027-10-01", "2999-10-01").replace("2026-10-01", "2020-10-01"))
    assert check.main([str(tmp_path), "--quiet"]) == 0
    assert capsys.readouterr().out == "1 playbooks, 0 errors, 0 warnings\n"


def test_errors_end_with_1_and_name_file_and_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "fire.toml").write_text(SOURCE.replace("2027-10-01", "2020-10-01"))
    (tmp_path / "bad.toml").write_text("id = ")
    assert check.main([str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert f"{tmp_path}/bad.toml:1: error: " in out
    assert f"{tmp_path}/fire.toml:6: error: valid_until: passed on 2020-10-01" in out


def test_sizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "fire.toml").write_text(SOURCE)
    check.main([str(tmp_path)])
    out = capsys.readouterr().out
    assert "/280 weighted characters" in out
    assert " LIX " in out


def test_nothing_there(tmp_path: Path) -> None:
    assert check.main([str(tmp_path)]) == 2
