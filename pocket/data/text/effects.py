"""What happens to print between paper or screen and a camera: backgrounds, light, blur, low resolution, noise, JPEG."""

from __future__ import annotations

import io
import random

import numpy as np
from PIL import Image, ImageFilter

_NOISE = np.random.default_rng(5).standard_normal(1 << 20).astype(np.float32)


def noise(r: random.Random, shape: tuple[int, ...]) -> np.ndarray:
    """Gaussian noise, a window into a fixed array: drawing it anew costs more than all the rest of a strip."""
    size = int(np.prod(shape))
    start = r.randrange(_NOISE.size - size)
    return _NOISE[start : start + size].reshape(shape)


def cloud(r: random.Random, height: int, width: int, rows: int, columns: int) -> np.ndarray:
    """Smooth random values of about -1..1: a small grid of noise, enlarged."""
    return np.asarray(Image.fromarray(noise(r, (rows, columns))).resize((width, height), Image.Resampling.BICUBIC))


def light(r: random.Random, height: int, width: int) -> np.ndarray:
    """Factors of uneven light, over ink and ground alike."""
    across = np.linspace(-1, 1, width, dtype=np.float32) * r.uniform(-0.2, 0.2)
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * r.uniform(-0.12, 0.12)
    return 1 + across + down


def background(r: random.Random, height: int, width: int, level: float, contrast: float) -> np.ndarray:
    """A grey ground around `level`: plain, cloudy, grained or ruled, never as strong as the ink's contrast."""
    k = r.random()
    ground = np.full((height, width), level, np.float32)
    if k < 0.5:
        return ground
    limit = 0.35 * contrast
    if k < 0.82:
        return ground + cloud(r, height, width, r.randint(2, 9), r.randint(2, 26)) * min(r.uniform(3, 28), limit)
    if k < 0.91:
        return ground + noise(r, (height, width)) * min(r.uniform(3, 20), limit)
    period, depth = r.randint(3, 14), min(r.uniform(4, 30), limit)
    axis = np.arange(width) if r.random() < 0.5 else np.arange(height)[:, None]
    return ground + np.where((axis + r.randrange(period)) % period < max(1, period // 4), -depth, 0).astype(np.float32)


def shadow(r: random.Random, height: int, width: int) -> np.ndarray:
    """Factors of a soft edge of shade across the picture."""
    x = np.linspace(0, 1, width, dtype=np.float32)
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    edge = (x - r.uniform(0.1, 0.9)) * r.uniform(-1, 1) + (y - r.uniform(0.1, 0.9)) * r.uniform(-0.4, 0.4)
    return 1 - r.uniform(0.15, 0.55) / (1 + np.exp(np.clip(-edge * r.uniform(8, 60), -30, 30)))


def ink_and_ground(r: random.Random) -> tuple[float, float]:
    """Two grey levels that can be told apart, dark on light more often than the reverse."""
    if r.random() < 0.5:
        return r.uniform(0, 70), r.uniform(165, 255)
    ink = r.uniform(0, 255)
    ground = ink + r.choice((-1, 1)) * r.uniform(40, 230)
    if not 0 <= ground <= 255:
        ground = min(max(2 * ink - ground, 0), 255)
    if abs(ground - ink) < 40:
        ink = 0.0 if ground > 127 else 255.0
    return ink, ground


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def camera(r: random.Random, picture: Image.Image, low: float = 1.0) -> Image.Image:
    """Low resolution by the factor `low`, blur, sharpening, noise and JPEG, then back to the picture's size."""
    size = picture.size
    if low < 1:
        how = r.choice((Image.Resampling.BOX, Image.Resampling.BILINEAR))
        picture = picture.resize((max(8, round(size[0] * low)), max(8, round(size[1] * low))), how)
    k = r.random()
    if k < 0.26:
        picture = picture.filter(ImageFilter.GaussianBlur(r.uniform(0.3, 1.3) * low))
    elif k < 0.31:
        picture = picture.filter(ImageFilter.BoxBlur((r.uniform(0.3, 2) * low, r.uniform(0, 0.6) * low)))
    elif k < 0.35:
        picture = picture.filter(ImageFilter.UnsharpMask(1, r.randint(60, 200), 0))
    if r.random() < 0.33:
        grey = np.asarray(picture, np.float32)
        grey = grey + noise(r, grey.shape) * r.uniform(2, 18)
        picture = Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))
    if r.random() < 0.33:
        picture = jpeg(picture, r.randint(22, 92))
    if picture.size != size:
        picture = picture.resize(size, r.choice((Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)))
    return picture
