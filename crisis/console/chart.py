"""Bars as numbers, for a template to draw as SVG: no script, and a table beside it says the same. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, GAP = 344, 200, 8  # in units of the drawing, which is as wide as a small telephone


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a bar. `kind` names its colour."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    label: str
    x: float
    width: float
    parts: Sequence[Part]


def bars(rows: Sequence[tuple[str, Sequence[tuple[str, int]], int]]) -> list[Bar]:
    """Stacked bars of equal width, left to right. Each row: its label, its parts from the bottom up, what is a full bar."""
    if not rows:
        return []
    width = min(48.0, (WIDTH - GAP) / len(rows) - GAP)
    found = []
    for number, (label, parts, whole) in enumerate(rows):
        top, drawn = float(HEIGHT), []
        for kind, count in parts:
            height = round(HEIGHT * count / whole, 1) if whole else 0.0
            top = round(top - height, 1)
            drawn.append(Part(kind, top, height))
        found.append(Bar(label, round(GAP + number * (width + GAP), 1), round(width, 1), drawn))
    return found
