"""The learning rate as a factor of its highest value.

Sessions on a shared machine end when they end, so by default the rate is constant after a warm-up, and a last phase in
which it falls is switched on when the end is known (warm-up, stable, decay). After each resume the rate warms up again,
shorter. A cosine over a known budget is there for short runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    kind: str = "constant"  # or cosine: needs a budget
    warmup: int = 300  # steps, from the beginning
    rewarm: int = 50  # steps, after a resume
    floor: float = 0.01

    def factor(self, step: int, step_of_resume: int, progress: float | None, decay: float | None) -> float:
        """At a step; progress through the budget and through the decay are 0 to 1, None where there is none."""
        warm = min(1.0, (step + 1) / self.warmup)
        if step_of_resume:
            warm = min(warm, (step - step_of_resume + 1) / self.rewarm)
        if decay is not None:
            # Falling with the square root loses least by what is left undone (Haegele et al. 2024).
            return warm * max(self.floor, 1 - math.sqrt(min(1.0, decay)))
        if self.kind == "cosine" and progress is not None:
            return warm * (self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))
        return warm
