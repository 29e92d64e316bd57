"""Printing figures: medians, percentiles and ratios, as rows of a table, and which goals they meet."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.bulk import Run

# The goals of the bulk send; what is printed says for each whether it is met.
TIMES_CELERY = 8.0
OF_CEILING = 0.5
MEMORY_MIB = 200.0
FLAT_WITHIN = 0.2
BOARD_MS = 150.0
URGENT_MS = 500.0


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]


def spread(values: Sequence[float], unit: str = "ms") -> str:
    return (
        f"median {statistics.median(values):8.1f} {unit}   p99 {percentile(values, 0.99):8.1f} {unit}"
        f"   max {max(values):8.1f} {unit}   n {len(values)}"
    )


def heading(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


@dataclass
class Table:
    """The rows gathered so far, and the goals judged by them. `show` prints both as Markdown."""

    people: int
    peer_people: int
    rounds: int
    rows: list[tuple[str, str, str]] = field(default_factory=list)
    goals: list[tuple[bool, str]] = field(default_factory=list)

    def rates(self, database: str, seen: Mapping[str, Sequence[float]]) -> None:
        """Recipients a second by who sent them."""
        median = {who: statistics.median(values) for who, values in seen.items()}
        celery = max(rate for who, rate in median.items() if who.startswith("celery"))
        for who, values in seen.items():
            value = f"{median[who]:,.0f} /s"
            if who.startswith("ours"):
                times, share = median[who] / celery, median[who] / median["ceiling"]
                value += (
                    f", {share:.0%} of the ceiling, {times:.1f} times Celery, {median[who] / median['rq']:.1f} times RQ"
                )
                self._judge(times >= TIMES_CELERY, f"{database}, {who}: {times:.1f} times the best Celery, 8 wanted")
                self._judge(share >= OF_CEILING, f"{database}, {who}: {share:.0%} of the ceiling, 50 % wanted")
            self.rows.append((database, who, f"{value} ({min(values):,.0f} to {max(values):,.0f})"))

    def costs(self, database: str, found: Sequence[tuple[Run, float, float | None]]) -> None:
        """What a text costs at each size, and the sender's memory until then."""
        each = [own + (databases_own or 0.0) for _, own, databases_own in found]
        for (run, own, databases_own), together in zip(found, each, strict=True):
            told = f"{own:.0f} µs in the sender"
            if databases_own is not None:
                told += f", {databases_own:.0f} in PostgreSQL"
            self.rows.append((database, f"{run.people:,} people", f"{told}; memory {run.memory_mib:.0f} MiB"))
            self._judge(
                run.memory_mib < MEMORY_MIB, f"{database}: {run.memory_mib:.0f} MiB at {run.people:,}, under 200 wanted"
            )
            change = together / each[0] - 1
            if run is not found[0][0]:
                said = f"{database}: a text costs {change:+.0%} at {run.people:,} against {found[0][0].people:,}"
                self._judge(abs(change) <= FLAT_WITHIN, f"{said}, within 20 % wanted")

    def waits(self, database: str, looks: Sequence[float], urgent: Mapping[str, Sequence[float]]) -> None:
        """How long the board and something urgent took meanwhile, in milliseconds."""
        p99 = percentile(looks, 0.99)
        self.rows.append((database, "board meanwhile", spread(looks)))
        self._judge(p99 < BOARD_MS, f"{database}: board p99 {p99:.0f} ms while texts leave, under 150 wanted")
        for channel, values in urgent.items():
            self.rows.append((database, f"urgent meanwhile, {channel}", spread(values)))
            worst = max(values)
            said = f"{database}: urgent by {channel} begun within {worst:.0f} ms, 500 wanted"
            self._judge(worst <= URGENT_MS, said)

    def show(self) -> None:
        """Print it all."""
        if not self.rows:
            return
        heading(f"Medians of {self.rounds} rounds; {self.people:,} texts, {self.peer_people:,} for the other queues")
        print("| Database | What | Figure |\n|---|---|---|")
        for row in self.rows:
            print(f"| {' | '.join(row)} |")
        heading("Goals")
        for met, said in self.goals:
            print(f"{'met   ' if met else 'MISSED'}  {said}")

    def _judge(self, met: bool, said: str) -> None:
        self.goals.append((met, said))
