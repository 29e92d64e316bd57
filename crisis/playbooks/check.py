"""The check of a folder of playbooks, as people and CI run it: `python -m crisis.playbooks.check playbooks`.

Gathers what `read` and `fit` find and prints it one line each; the judgement is theirs.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from crisis.channels.base import Facts
from crisis.channels.text import counting
from crisis.playbooks.fit import Finding, inspect, measured
from crisis.playbooks.read import Shelf, read_all

if TYPE_CHECKING:
    from datetime import date

PAGE_MOST = 20_000  # characters of a long text; nobody reads more in a crisis

# The four channels every installation has, for checking texts where no adapter can be loaded.
FOUR_CHANNELS: dict[str, Facts] = {
    "x": Facts("x", "X", "short", "wall", True, False, True, False, 0.1, 1, counting.x_size),
    "sms": Facts("sms", "SMS", "short", "phone", False, False, False, True, 10, 10, counting.sms_size),
    "email": Facts("email", "e-mail", "full", "mailbox", False, True, True, False, 10, 5, counting.plain(PAGE_MOST)),
    "page": Facts("page", "page", "full", "wall", True, True, True, False, 10, 1, counting.plain(PAGE_MOST)),
}


def check(shelf: Shelf, channels: Mapping[str, Facts], today: date) -> list[Finding]:
    """Everything wrong on the shelf; a broken file's mistakes are errors."""
    findings = [
        Finding("error", file, mistake.line, mistake.where, mistake.say)
        for file, mistakes in shelf.broken.items()
        for mistake in mistakes
    ]
    for key, playbook in shelf.playbooks.items():
        findings += inspect(playbook, shelf.sources[key], channels, today)
    return sorted(findings, key=lambda finding: (finding.file, finding.line))


def known_channels() -> Mapping[str, Facts]:
    """The registry's channels, or `FOUR_CHANNELS`, and a word about it, when the registry can't be loaded."""
    try:
        registry = importlib.import_module("crisis.channels.registry")
        return cast("Mapping[str, Facts]", registry.FACTS)
    except (ImportError, AttributeError, SyntaxError) as error:
        print(f"checking against the four usual channels; the registry can't be loaded: {error}", file=sys.stderr)
        return FOUR_CHANNELS


def main(arguments: list[str] | None = None) -> int:
    """0 when no error was found, 1 when one was, 2 when there is nothing to check."""
    parser = argparse.ArgumentParser(prog="crisis playbooks check", description="Do they read, and do they fit?")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("playbooks"))
    parser.add_argument(
        "--quiet", action="store_true", help="only what is wrong, not how full and how readable each is"
    )
    asked = parser.parse_args(arguments)
    shelf, channels = read_all(asked.folder), known_channels()
    if not shelf.sources:
        print(f"{asked.folder}: no playbooks here; name a folder with *.toml files", file=sys.stderr)
        return 2
    if not asked.quiet:
        for key, playbook in shelf.playbooks.items():
            for row in measured(playbook, channels):
                room = f"{row.size.used:>5}/{row.size.limit} {row.size.unit}"
                print(f"{key:24} {row.message:14} {row.language} {row.channel:6} LIX {row.lix:>2} {room}")
    findings = check(shelf, channels, datetime.now(UTC).date())
    for finding in findings:
        print(f"{asked.folder}/{finding}")
    count = Counter(finding.severity for finding in findings)
    print(f"{len(shelf.sources)} playbooks, {count['error']} errors, {count['warning']} warnings")
    return 1 if count["error"] else 0


if __name__ == "__main__":
    sys.exit(main())
