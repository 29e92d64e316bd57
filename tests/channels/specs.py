"""Where the providers' own specifications are kept, if this machine has them: CRISIS_SPECS, or beside the checkout."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(os.environ.get("CRISIS_SPECS") or Path(__file__).resolve().parents[3] / "shared" / "specs")


def spec(name: str) -> Any:
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"no {name} in {FOLDER.name}/; set CRISIS_SPECS to the folder of provider specifications")
    return json.loads(path.read_text(encoding="utf-8"))


def samples(provider: str) -> list[dict[str, Any]]:
    """The recorded answers of one provider; none, so that pytest skips the table, where there are no specifications."""
    if not (FOLDER / "error-samples.json").is_file():
        return []
    found: list[dict[str, Any]] = [s for s in spec("error-samples.json")["samples"] if s["provider"] == provider]
    return found
