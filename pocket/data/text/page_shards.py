"""A shard of tiles of pages, with their lines' boxes padded to a common number."""

from __future__ import annotations

import numpy as np

from pocket.data.shards import Groups
from pocket.data.text.pages import TILE, TILES_OF_A_PAGE, View, tiles

LINES = 96  # of one tile; a tile with more keeps those with the largest letters


def pack(views: list[View]) -> dict[str, np.ndarray]:
    """Arrays "x" (n, 224, 224, 3); "boxes" (n, LINES, 5): cx, cy, w, h, angle; "lines": how many; "readable";
    "text": the lines' texts, one a line; "kind"; "caption", empty where only a part of the page is seen."""
    boxes, readable = np.zeros((len(views), LINES, 5), np.float32), np.zeros((len(views), LINES), bool)
    counts, texts = np.zeros(len(views), np.int32), []
    for i, v in enumerate(views):
        lines = v.lines
        if len(lines) > LINES:
            lines = tuple(sorted(lines, key=lambda line: -line.box[3])[:LINES])
        counts[i] = len(lines)
        texts.append("\n".join(line.text for line in lines))
        for j, line in enumerate(lines):
            boxes[i, j], readable[i, j] = line.box, line.readable
    return {
        "x": np.stack([v.picture for v in views]),
        "boxes": boxes,
        "lines": counts,
        "readable": readable,
        "text": np.array(texts),
        "kind": np.array([v.kind for v in views]),
        "caption": np.array([v.caption for v in views]),
    }


def shard(seed: int, split: str, samples: int) -> Groups:
    views: list[View] = []
    page = 0
    while len(views) < samples:
        views += tiles((seed << 20) + page, split)[: min(TILES_OF_A_PAGE, samples - len(views))]
        page += 1
    assert all(v.picture.shape == (TILE, TILE, 3) for v in views)
    return {"tiles": pack(views)}
