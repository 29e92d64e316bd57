"""Printing figures: medians, percentiles and ratios, as rows of a table."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence


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
    print(f"\n{text}\n{'-' * len(text)}")
