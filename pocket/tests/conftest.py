"""Small made data in the forms that training reads, for tests that take seconds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pocket.data.shards import write_shard
from pocket.model.config import TINY_CHARACTERS, tiny_config
from pocket.model.pocket_model import PocketModel

torch.set_num_threads(1)


def strips(count: int, seed: int) -> dict[str, dict[str, np.ndarray]]:
    random = np.random.default_rng(seed)
    texts = ["".join(random.choice(TINY_CHARACTERS[:8], 3)) for _ in range(count)]
    return {str(w): {"x": random.integers(0, 255, (count, 32, w), np.uint8), "text": np.array(texts)} for w in (48, 80)}


def scenes(count: int, seed: int) -> dict[str, dict[str, np.ndarray]]:
    random = np.random.default_rng(seed)
    records = []
    for k in range(count):
        colour = ("red", "blue")[k % 2]
        records.append(
            json.dumps(
                {
                    "captions": [f"a {colour} circle {k}", "a circle"],
                    "questions": [["colour", "what colour is it?", colour], ["count", "how many?", "one"]],
                    "finds": [["the circle", [[0.25, 0.25, 0.75, 0.75]]], ["the dog", []]],
                    "objects": [["circle", colour, [0.25, 0.25, 0.75, 0.75]]],
                }
            )
        )
    return {"scenes": {"x": random.integers(0, 255, (count, 224, 224, 3), np.uint8), "json": np.array(records)}}


def tiles(count: int, seed: int) -> dict[str, dict[str, np.ndarray]]:
    random = np.random.default_rng(seed)
    boxes = np.zeros((count, 4, 5), np.float32)
    boxes[:, 0] = (112, 60, 120, 20, 0)
    boxes[:, 1] = (112, 150, 100, 24, 0.3)
    readable = np.ones((count, 4), bool)
    readable[:, 1] = random.random(count) < 0.5
    return {
        "tiles": {
            "x": random.integers(0, 255, (count, 224, 224, 3), np.uint8),
            "boxes": boxes,
            "readable": readable,
            "lines": np.full(count, 2, np.int32),
            "kind": np.array(["sign"] * count),
            "caption": np.array(["a sign"] * count),
        }
    }


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """A folder as $POCKET_HOME/shards."""
    for name, make in (("strips", strips), ("scenes", scenes), ("pages", tiles)):
        for folder, seed in ((name, 1), (f"{name}-test", 2)):
            (tmp_path / "shards" / folder).mkdir(parents=True)
            write_shard(tmp_path / "shards" / folder / "a.npz", make(8, seed))
    return tmp_path / "shards"


@pytest.fixture
def tiny() -> PocketModel:
    torch.manual_seed(1)
    return PocketModel(tiny_config()).eval()
