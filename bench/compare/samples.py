"""What several measurements of one thing say together."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    median: float
    low: float  # first and third quartile; with fewer than four values, the extremes
    high: float
    n: int


def summarize(values: Sequence[float]) -> Summary | None:
    if not values:
        return None
    if len(values) < 4:
        return Summary(statistics.median(values), min(values), max(values), len(values))
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Summary(median, low, high, len(values))


def ratio(values: Sequence[float], others: Sequence[float]) -> float | None:
    """Of the medians."""
    mine, theirs = summarize(values), summarize(others)
    if mine is None or theirs is None or theirs.median == 0:
        return None
    return mine.median / theirs.median


def best(samples: Sequence[Sequence[float]], smaller: bool = False) -> Sequence[float]:
    """Those with the best median; empty when there are none."""
    measured = [values for values in samples if values]
    if not measured:
        return []
    return (min if smaller else max)(measured, key=statistics.median)


def three_digits(value: float) -> str:
    """As many decimals as make three digits: 1234, 56.7, 8.90."""
    decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:.{decimals}f}"


def text(values: Sequence[float]) -> str:
    """median (low-high); a dash where nothing was measured."""
    summary = summarize(values)
    if summary is None:
        return "-"
    if summary.n == 1:
        return three_digits(summary.median)
    return f"{three_digits(summary.median)} ({three_digits(summary.low)}-{three_digits(summary.high)})"
