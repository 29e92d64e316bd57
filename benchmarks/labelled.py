"""Labelled messages of real crises, when they are at hand; they are measured and learned from, and never shipped.

A table with tabs: event, text, source, type, informativeness (the labels of CrisisLexT26). `CRISIS_LABELLED` names the
file; without it the measurements that need labels are left out and say so.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Message:
    event: str
    text: str
    source: str
    kind: str
    informative: str

    @property
    def related(self) -> bool:
        return self.informative.startswith("Related")

    @property
    def affected(self) -> bool:
        """Somebody is hurt, missing, trapped, displaced, or said to be."""
        return self.related and self.kind == "Affected individuals"

    @property
    def first_hand(self) -> bool:
        """Somebody there says that people are affected: the nearest these labels come to "needs somebody now"."""
        return self.affected and self.source == "Eyewitness"

    @property
    def actionable(self) -> bool:
        """People affected, or somebody there who tells of danger or of what is broken."""
        there = self.source == "Eyewitness" and self.kind in ("Caution and advice", "Infrastructure and utilities")
        return self.affected or (self.related and there)

    @property
    def grade(self) -> float:
        """How much it needs somebody, from 0 to 1: what the classifier learns."""
        there = self.source == "Eyewitness"
        if not self.related:
            return 0.0
        match self.kind:
            case "Affected individuals":
                return 1.0 if there else 0.75 if self.informative == "Related and informative" else 0.5
            case "Caution and advice" | "Infrastructure and utilities":
                return 0.6 if there else 0.3
            case "Other Useful Information":
                return 0.2
            case "Donations and volunteering":
                return 0.3 if there else 0.1
        return 0.0


def messages() -> list[Message]:
    """All of them, in the order of the file; empty when there is no file."""
    path = Path(os.environ.get("CRISIS_LABELLED", ""))
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Message(r["event"], r["text"], r["source"], r["type"], r["informativeness"]) for r in rows]


def average_precision(scores: Sequence[float], wanted: Sequence[bool]) -> float:
    """Mean of the precision at each wanted one, highest score first; equal scores share their place."""
    by_score: dict[float, list[int]] = {}
    for score, want in zip(scores, wanted, strict=True):
        both = by_score.setdefault(score, [0, 0])
        both[0] += want
        both[1] += 1
    total, found, seen = 0.0, 0, 0
    for score in sorted(by_score, reverse=True):
        right, many = by_score[score]
        found, seen = found + right, seen + many
        total += right * found / seen
    return total / found if found else 0.0
