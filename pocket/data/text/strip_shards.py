"""A shard of strips, grouped by width."""

from __future__ import annotations

import numpy as np

from pocket.data.shards import Groups
from pocket.data.text.strips import WIDTHS, strip


def shard(seed: int, split: str, samples: int) -> Groups:
    """Strips seed * 2^20, ... as arrays "x" (n, 32, width) and "text" by width."""
    made: dict[int, tuple[list[np.ndarray], list[str]]] = {w: ([], []) for w in WIDTHS}
    for i in range(samples):
        x, text = strip((seed << 20) + i, split)
        made[x.shape[1]][0].append(x)
        made[x.shape[1]][1].append(text)
    return {str(w): {"x": np.stack(x), "text": np.array(t)} for w, (x, t) in made.items() if x}
