"""Drawings of named things as sprites: which may be seen in training, which are held out, recoloured and resized."""

from __future__ import annotations

import functools
import json
import random
import zlib

import numpy as np
from PIL import Image

from pocket.data.places import home
from pocket.data.scenes.names import COLOURS, Name, names

HELD_FROM = 3  # a name drawn by at least this many artists has one of them held out for tests
MISSING = (
    "no sprites in {}: install the sources that pocket/DATA.md lists, then run "
    "python -m pocket.data.scenes.render_drawings"
)


def held_artist(name: str, artists: list[str]) -> str | None:
    """The artist whose drawings of `name` are for tests only."""
    if len(set(artists)) < HELD_FROM:
        return None
    return min(set(artists), key=lambda artist: zlib.crc32(f"{name}|{artist}".encode()))


class Library:
    """All sprites, mapped into memory, and the rows of each name for training and for tests."""

    def __init__(self) -> None:
        folder = home() / "sprites"
        if not (folder / "index.json").is_file():
            raise FileNotFoundError(MISSING.format(folder))
        self.index: list[dict[str, str]] = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        self.sprites = np.load(folder / "sprites.npy", mmap_mode="r")
        by_name: dict[str, list[int]] = {}
        for row, entry in enumerate(self.index):
            by_name.setdefault(entry["name"], []).append(row)
        self.train: dict[str, list[int]] = {}
        self.test: dict[str, list[int]] = {}
        for name, rows in by_name.items():
            held = held_artist(name, [self.index[r]["artist"] for r in rows])
            self.train[name] = [r for r in rows if self.index[r]["artist"] != held]
            self.test[name] = [r for r in rows if self.index[r]["artist"] == held] or rows
        self.things: list[Name] = [n for n in names().values() if n.name in by_name]

    def rows(self, name: str, split: str) -> list[int]:
        return (self.test if split == "test" else self.train)[name]


@functools.cache
def library() -> Library:
    return Library()


OPAQUE = [0] * 13 + [255] * 243  # alpha that counts as drawn
GAINS = [[min(255, int(i * gain / 100)) for i in range(256)] * 3 + list(range(256)) for gain in range(80, 116)]


@functools.lru_cache(1500)
def sprite(row: int) -> Image.Image:
    """A drawing without empty border, its longer side 128 pixels."""
    picture = Image.fromarray(np.array(library().sprites[row]), "RGBA")
    return picture.crop(picture.getchannel("A").point(OPAQUE).getbbox())


def recoloured(picture: Image.Image, colour: str) -> Image.Image:
    """A drawing with its coloured parts in another colour; greys (windows, wheels) stay if there is enough colour."""
    data = np.asarray(picture)
    rgb = data[..., :3].astype(np.float32)
    high = rgb.max(-1)
    part = np.clip((1 - rgb.min(-1) / np.maximum(high, 1) - 0.18) * 6, 0, 1)
    solid = data[..., 3] > 40
    if (part[solid] > 0.5).mean() < 0.35:
        part = np.clip((high - 40) / 30, 0, 1)
    light = rgb @ np.array([0.3, 0.59, 0.11], np.float32)
    coloured = light[solid & (part > 0.5)]
    middle = float(np.median(coloured)) if coloured.size else 128.0
    shade = np.clip(light / max(middle, 1.0), 0.3, 1.35)[..., None]
    target = np.array(COLOURS[colour], np.float32) + (10 if colour == "black" else 0)
    out = np.where(shade <= 1, target * (0.35 + 0.65 * shade), target + (255 - target) * (shade - 1) * 0.8)
    mixed = np.array(data)
    mixed[..., :3] = np.clip(rgb + (out - rgb) * part[..., None], 0, 255)
    return Image.fromarray(mixed, "RGBA")


def drawn(row: int, colour: str, size: tuple[int, int], flip: bool, angle: float, rng: random.Random) -> Image.Image:
    """A drawing at a size in pixels, maybe recoloured, flipped and turned, its empty border cut off."""
    picture = sprite(row)
    scale = max(picture.size)
    width, height = max(3, round(size[0] * picture.width / scale)), max(3, round(size[1] * picture.height / scale))
    small = width * 2 < picture.width
    picture = picture.resize((width, height), Image.Resampling.BOX if small else Image.Resampling.BILINEAR)
    if colour:
        picture = recoloured(picture, colour)
    if flip:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if angle:
        picture = picture.rotate(angle, Image.Resampling.BILINEAR, expand=True)
        picture = picture.crop(picture.getchannel("A").point(OPAQUE).getbbox())
    return picture.point(rng.choice(GAINS)) if rng.random() < 0.3 else picture
