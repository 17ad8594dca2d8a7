"""Scenes for shards: python -m pocket.data.make_shards scenes --out DIR --seed N calls shard()."""

from __future__ import annotations

import numpy as np

from pocket.data.sample import Sample
from pocket.data.sample_json import from_json, to_json
from pocket.data.scenes.sampler import Scenes

GROUP = "scenes"


def shard(seed: int, split: str, samples: int) -> dict[str, dict[str, np.ndarray]]:
    """`samples` scenes: pictures "x" (n, 224, 224, 3) as bytes, and all their texts as lines of JSON, "json"."""
    scenes = Scenes(seed, split)
    pictures = np.empty((samples, 224, 224, 3), np.uint8)
    lines: list[str] = []
    for i in range(samples):
        made = scenes[i]
        pictures[i] = made.picture
        lines.append(to_json(made))
    return {GROUP: {"x": pictures, "json": np.array(lines)}}


def samples_of(fields: dict[str, np.ndarray]) -> list[Sample]:
    """The samples of a batch that Shards.batch() returned."""
    return [from_json(x, str(line)) for x, line in zip(fields["x"], fields["json"], strict=True)]
