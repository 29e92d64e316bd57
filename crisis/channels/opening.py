"""What an adapter is told when an account is opened, and what a channel is to the rest of the project.

Values only: opening reads no file and calls nobody; secrets are revealed by the adapter that needs them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from crisis.channels.base import Channel, Facts, Mode, Notes


@dataclass(frozen=True, slots=True)
class Opening:
    """One account of crisis.toml, on its way to becoming an open `Channel`."""

    key: str
    unit: str  # the unit's name, as the public reads it
    mode: Mode
    languages: tuple[str, ...]
    options: Any  # the channel's own options, already checked
    public_url: str  # the console's public address, where webhooks come in
    data_dir: Path
    zone: ZoneInfo
    notes: Notes


@dataclass(frozen=True, slots=True)
class Kind:
    """A channel: what is true of it, what its accounts may say in crisis.toml, and how one is opened."""

    facts: Facts
    options: type[BaseModel]
    open: Callable[[Opening], Channel]
