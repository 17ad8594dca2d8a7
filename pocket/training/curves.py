"""Curves of a training as CSV, and a plot of them."""

from __future__ import annotations

import csv
import time
from pathlib import Path


class Curves:
    """Rows of (time, samples, ..., name, value), appended: a resumed run goes on in the same file."""

    HEADER = ("time", "hours", "samples", "name", "value")

    def __init__(self, path: Path | None) -> None:
        self.path = path
        if path is not None and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(",".join(self.HEADER) + "\n", encoding="utf-8")

    def add(self, seconds: float, samples: int, values: dict[str, float]) -> None:
        if self.path is None:
            return
        with self.path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            now = time.strftime("%Y-%m-%dT%H:%M:%S")
            for name, value in values.items():
                writer.writerow([now, f"{seconds / 3600:.4f}", samples, name, f"{value:.5g}"])


def read_curves(path: Path) -> dict[str, list[tuple[float, int, float]]]:
    """By name: hours, samples and values."""
    out: dict[str, list[tuple[float, int, float]]] = {}
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            out.setdefault(row["name"], []).append((float(row["hours"]), int(row["samples"]), float(row["value"])))
    return out


def plot(path: Path, out: Path) -> None:
    """A panel for the losses, one for each group of figures (`eval/NAME`)."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    curves = read_curves(path)
    groups: dict[str, list[str]] = {}
    for name in curves:
        groups.setdefault(name.split("/")[0] if "/" in name else "training", []).append(name)
    groups.pop("speed", None)
    figure, axes = plt.subplots(1, max(1, len(groups)), figsize=(7 * max(1, len(groups)), 4.5), squeeze=False)
    for axis, (group, names) in zip(axes[0], sorted(groups.items()), strict=False):
        for name in sorted(names):
            axis.plot(
                [s / 1000 for _, s, _ in curves[name]],
                [v for _, _, v in curves[name]],
                label=name.split("/")[-1],
                linewidth=1.2,
            )
        axis.set_title(group)
        axis.set_xlabel("samples (thousand)")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(out, dpi=110)
    plt.close(figure)
