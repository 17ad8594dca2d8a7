"""Strips cut from pictures at known regions of text, for published and for a user's own data."""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pocket.training.line_targets import Line

Quad = tuple[tuple[float, float], ...]  # pixels, from the beginning of the writing's upper edge, clockwise
WIDTHS = (48, 80, 112, 144, 192, 256, 320)


@dataclass(frozen=True)
class Region:
    picture: Path
    text: str
    quad: Quad


def line_of(quad: Quad) -> Line:
    """The turned box of four corners: the middle lines' lengths, the direction of the upper and lower edge."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = quad[:4]
    along = ((bx + cx - ax - dx) / 2, (by + cy - ay - dy) / 2)
    down = ((dx + cx - ax - bx) / 2, (dy + cy - ay - by) / 2)
    return (
        (ax + bx + cx + dx) / 4,
        (ay + by + cy + dy) / 4,
        math.hypot(*along),
        math.hypot(*down),
        math.atan2(along[1], along[0]),
    )


def cut(image: Image.Image, quad: Quad, height: int, width: int | None = None) -> NDArray[np.uint8]:
    """A grey strip (height, width), the region laid straight; without a width, that of its shape in steps of 8."""
    _, _, long, tall, _ = line_of(quad)
    if width is None:
        width = max(16, min(2048, round(long / max(tall, 1) * height / 8) * 8))
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = quad[:4]
    strip = image.convert("L").transform(
        (width, height), Image.Transform.QUAD, (ax, ay, dx, dy, cx, cy, bx, by), Image.Resampling.BICUBIC
    )
    return np.asarray(strip, np.uint8)


@functools.lru_cache(maxsize=64)
def _open(path: Path) -> Image.Image:
    with Image.open(path) as opened:
        return opened.convert("L")


class RegionStrips:
    """Batches of strips of one width, as the reader's training takes them."""

    def __init__(self, regions: list[Region], height: int, seed: int) -> None:
        if not regions:
            raise ValueError("no regions of text in the data: nothing to train the reader on")
        self.height, self.chance = height, random.Random(seed)
        self.by_width: dict[int, list[Region]] = {}
        for region in regions:
            _, _, long, tall, _ = line_of(region.quad)
            wanted = long / max(tall, 1) * height
            self.by_width.setdefault(next((w for w in WIDTHS if w >= wanted), WIDTHS[-1]), []).append(region)

    def __len__(self) -> int:
        return sum(map(len, self.by_width.values()))

    def _strip(self, region: Region, width: int, shake: bool) -> NDArray[np.uint8]:
        quad = region.quad
        if shake:
            tall = line_of(quad)[3]
            quad = tuple(
                (x + self.chance.gauss(0, 0.03) * tall, y + self.chance.gauss(0, 0.03) * tall) for x, y in quad
            )
        return cut(_open(region.picture), quad, self.height, width)

    def strips(self, columns: int) -> tuple[NDArray[np.uint8], list[str]]:
        width = self.chance.choices(list(self.by_width), [len(v) for v in self.by_width.values()])[0]
        chosen = self.chance.choices(self.by_width[width], k=max(4, columns // width))
        return np.stack([self._strip(r, width, True) for r in chosen]), [r.text for r in chosen]

    def held(self, limit: int) -> Iterator[tuple[NDArray[np.uint8], list[str]]]:
        for width, regions in self.by_width.items():
            some = regions[: max(1, limit * len(regions) // len(self))]
            yield np.stack([self._strip(r, width, False) for r in some]), [r.text for r in some]

    def state(self) -> dict[str, Any]:
        return {"chance": self.chance.getstate()}

    def load_state(self, state: dict[str, Any]) -> None:
        self.chance.setstate(state["chance"])
