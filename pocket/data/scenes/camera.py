"""What a camera does to a scene: light that falls off, blur, grain, JPEG."""

from __future__ import annotations

import functools
import io
import random

import numpy as np
from PIL import Image, ImageFilter


@functools.cache
def _grain() -> np.ndarray:
    return np.random.default_rng(9).normal(0, 1, (300, 300)).astype(np.float32)


def photographed(picture: Image.Image, rng: random.Random) -> np.ndarray:
    """The picture as pixels, half of the time untouched."""
    if rng.random() < 0.3:
        low, high = rng.uniform(0.65, 1.0), rng.uniform(0.95, 1.2)
        corners = [low, high, rng.uniform(low, high), rng.uniform(low, high)]
        rng.shuffle(corners)
        light = Image.fromarray(np.array(corners, np.float32).reshape(2, 2) * 128).convert("L")
        light = light.resize(picture.size, Image.Resampling.BILINEAR)
        scaled = (np.asarray(picture).astype(np.uint16) * np.asarray(light)[..., None]) >> 7
        picture = Image.fromarray(np.minimum(scaled, 255).astype(np.uint8))
    if rng.random() < 0.15:
        picture = picture.filter(ImageFilter.BoxBlur(rng.uniform(0.4, 1.4)))
    if rng.random() < 0.15:
        y, x = rng.randint(0, 300 - picture.height), rng.randint(0, 300 - picture.width)
        grain = (_grain()[y : y + picture.height, x : x + picture.width] * rng.uniform(2, 9)).astype(np.int16)
        noisy = np.asarray(picture).astype(np.int16) + grain[..., None]
        picture = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
    if rng.random() < 0.25:
        packed = io.BytesIO()
        picture.save(packed, "JPEG", quality=rng.randint(40, 92))
        packed.seek(0)
        picture = Image.open(packed).convert("RGB")
    return np.array(picture)
