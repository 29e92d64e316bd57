"""Where in a TOML file a key stands, so that a mistake can be shown with its line.

Python's TOML reader keeps no positions. This finds the line by reading headers and keys in order, and answers with the
nearest line it can name: the key, else its table, else line 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")


def line_of(source: str, where: Sequence[str | int]) -> int:
    """The line number (from 1) of the key path `where`, as pydantic gives it: names, and numbers into arrays."""
    wanted = [str(part) for part in where]
    table: list[str] = []
    counts: dict[str, int] = {}
    best, best_depth = 1, 0
    multiline: str | None = None
    for number, line in enumerate(source.splitlines(), start=1):
        if multiline:
            if multiline in line:
                multiline = None
            continue
        if header := _HEADER.match(line):
            table = _numbered(_parts(header[2]), counts, is_array=header[1] == "[[")
            path = table
        elif key := _KEY.match(line):
            path = [*table, *_parts(key[1])]
            rest = line[key.end() :].strip()
            for quotes in ('"""', "'''"):
                if rest.startswith(quotes) and rest.count(quotes) == 1:
                    multiline = quotes
        else:
            continue
        depth = len(path)
        if depth > best_depth and path == wanted[:depth]:
            best, best_depth = number, depth
    return best


def _parts(dotted: str) -> list[str]:
    return [part.strip().strip("\"'") for part in re.split(r"\.(?=(?:[^\"']|\"[^\"]*\"|'[^']*')*$)", dotted)]


def _numbered(parts: list[str], counts: dict[str, int], *, is_array: bool) -> list[str]:
    """Put array positions into a header's path: the second `[[accounts]]` is accounts.1."""
    path: list[str] = []
    for depth, part in enumerate(parts):
        path.append(part)
        name = ".".join(path)
        last = depth == len(parts) - 1
        if last and is_array:
            counts[name] = counts.get(name, -1) + 1
        if name in counts:
            path.append(str(counts[name]))
    return path
