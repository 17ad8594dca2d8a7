"""A picture on which text is drawn, and which knows where each line and word lies.

A line's box is its ink. A word's has the line's height and runs from its first letter's origin to the last one's
advance, which is what the columns of a reader give.
"""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

from pocket.data.text import effects, fonts
from pocket.data.text.charset import label

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Word:
    text: str
    corners: np.ndarray  # (4, 2): upper left, upper right, lower right, lower left, as the text reads


@dataclass(frozen=True)
class Line:
    text: str
    corners: np.ndarray
    words: tuple[Word, ...]
    contrast: float = 255.0


def corners(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.float64)


def grey_of(colour: Colour) -> float:
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def any_colour(r: random.Random) -> Colour:
    return r.randrange(256), r.randrange(256), r.randrange(256)


def ink_for(r: random.Random, ground: Colour, least: float = 70) -> Colour:
    """A colour that shows on the ground: black or white, or any that differs enough."""
    if r.random() < 0.55:
        return (r.randint(0, 40),) * 3 if grey_of(ground) > 127 else (r.randint(215, 255),) * 3
    for _ in range(8):
        colour = any_colour(r)
        if abs(grey_of(colour) - grey_of(ground)) > least:
            return colour
    return (0, 0, 0) if grey_of(ground) > 127 else (255, 255, 255)


@functools.lru_cache(200_000)
def _advance(path: str, size: int, text: str) -> float:
    return fonts.font(path, size).getlength(text)


def _starts(path: str, size: int, text: str) -> tuple[list[tuple[str, float, float]], float]:
    """Every word with where it starts and ends along the line, and the length of the whole."""
    space, x, out = _advance(path, size, " "), 0.0, []
    for word in text.split(" "):
        end = x + _advance(path, size, word)
        out.append((word, x, end))
        x = end + space
    return out, x - space


@dataclass
class Canvas:
    picture: Image.Image
    lines: list[Line] = field(default_factory=list)
    ground: Colour = (255, 255, 255)

    def __post_init__(self) -> None:
        self.draw = ImageDraw.Draw(self.picture)

    @property
    def size(self) -> tuple[int, int]:
        return self.picture.size

    def width_of(self, face: fonts.Face, size: int, text: str) -> float:
        return _starts(face.path, size, text)[1]

    def text(
        self,
        x: float,
        y: float,
        text: str,
        face: fonts.Face,
        size: int,
        colour: Colour,
        anchor: str = "left",
        record: bool = True,
    ) -> tuple[float, float]:
        """Draws a line with its upper left (or middle, or right) at x, y; gives its advance and line height."""
        f = fonts.font(face.path, size)
        height = sum(f.getmetrics())
        text = face.drawable(text)
        starts, advance = _starts(face.path, size, text)
        x -= {"left": 0.0, "middle": advance / 2, "right": advance}[anchor]
        mask, (dx, dy) = f.getmask2(text, mode="L")
        w, h = mask.size
        if not w or not h:
            return advance, height
        left, top = round(x) + dx, round(y) + dy
        self.picture.paste(colour, (left, top), Image.frombytes("L", (w, h), bytes(mask)))
        if record:
            contrast = abs(grey_of(colour) - grey_of(self.ground))
            place = lambda x0, x1: corners(round(x) + x0, top, round(x) + x1, top + h)  # noqa: E731
            words = tuple(Word(label(t), place(x0, x1)) for t, x0, x1 in starts)
            self.lines.append(Line(label(text), corners(left, top, left + w, top + h), words, contrast))
        return advance, height

    def turned_text(
        self,
        cx: float,
        cy: float,
        text: str,
        face: fonts.Face,
        size: int,
        colour: Colour,
        angle: float,
        outline: Colour | None = None,
    ) -> None:
        """Draws a line around cx, cy written in the direction `angle`, in degrees, clockwise as the picture is seen."""
        f = fonts.font(face.path, size)
        text = face.drawable(text)
        mask, (dx, dy) = f.getmask2(text, mode="L")
        w, h = mask.size
        if not w or not h:
            return
        flat = Image.frombytes("L", (w, h), bytes(mask))
        turn = _turn(angle)
        middle = np.array([w / 2, h / 2])
        place = lambda p: (p - middle) @ turn.T + (cx, cy)  # noqa: E731
        turned = flat.rotate(-angle, Image.Resampling.BILINEAR, expand=True)
        at = (round(cx - turned.width / 2), round(cy - turned.height / 2))
        if outline is not None:
            for ox, oy in ((-1, 0), (1, 0), (0, -1), (0, 1), (1, 1)):
                self.picture.paste(outline, (at[0] + ox, at[1] + oy), turned)
        self.picture.paste(colour, at, turned)
        words = [
            Word(label(t), place(corners(x0 - dx, 0, x1 - dx, h))) for t, x0, x1 in _starts(face.path, size, text)[0]
        ]
        contrast = abs(grey_of(colour) - grey_of(self.ground)) if outline is None else 255.0
        self.lines.append(Line(label(text), place(corners(0, 0, w, h)), tuple(words), contrast))

    def paste(self, other: Canvas, x: int, y: int) -> None:
        """Another canvas, with its lines."""
        self.picture.paste(other.picture, (x, y))
        for line in other.lines:
            words = tuple(Word(w.text, w.corners + (x, y)) for w in line.words)
            self.lines.append(Line(line.text, line.corners + (x, y), words, line.contrast))


def _turn(degrees: float) -> np.ndarray:
    a = np.radians(degrees)
    return np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])


def plain(width: int, height: int, ground: Colour) -> Canvas:
    return Canvas(Image.new("RGB", (width, height), ground), ground=ground)


def _clouds(r: random.Random, width: int, height: int, base: Colour, strength: float) -> np.ndarray:
    grid = effects.noise(r, (r.randint(2, 12), r.randint(2, 12), 3)) * strength + np.array(base, np.float32)
    if r.random() < 0.6:
        grid = grid.mean(2, keepdims=True) + (np.array(base, np.float32) - np.mean(base))
    small = Image.fromarray(np.clip(grid, 0, 255).astype(np.uint8))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def textured(r: random.Random, width: int, height: int, calm: bool = False) -> Canvas:
    """A ground like a photograph's: soft clouds of colour, grain, bricks, planks, leaves, tiles, a horizon."""
    base = any_colour(r)
    scene = Image.fromarray(_clouds(r, width, height, base, r.uniform(4, 16 if calm else 60)))
    draw = ImageDraw.Draw(scene)
    k = r.random() if not calm else r.uniform(0, 0.5)
    shade = lambda: tuple(min(255, max(0, c + r.randint(-50, 50))) for c in base)  # noqa: E731
    if 0.35 < k < 0.5:
        grain = effects.noise(r, (height, width, 1)) * r.uniform(3, 9 if calm else 28)
        scene = Image.fromarray(np.clip(np.asarray(scene) + grain, 0, 255).astype(np.uint8))
    elif k < 0.35:
        pass
    elif k < 0.6:  # bricks or tiles
        bh = r.randint(10, 60)
        bw, mortar = round(bh * r.uniform(1, 3)), shade()
        for row, y in enumerate(range(0, height, bh)):
            draw.line((0, y, width, y), mortar, max(1, bh // 12))
            for x in range((row % 2) * bw // 2, width, bw):
                draw.line((x, y, x, y + bh), mortar, max(1, bh // 12))
    elif k < 0.7:  # planks, blinds
        step = r.randint(4, 50)
        for x in range(0, max(width, height), step):
            line = (x, 0, x + r.randint(-3, 3), height) if step % 2 else (0, x, width, x + r.randint(-3, 3))
            draw.line(line, shade(), r.randint(1, max(1, step // 3)))
    elif k < 0.88:  # leaves, pebbles, windows
        for _ in range(r.randint(20, 160)):
            x, y, a, b = r.randrange(width), r.randrange(height), r.randint(3, 40), r.randint(3, 40)
            shape = r.randrange(3)
            if shape == 0:
                draw.ellipse((x, y, x + a, y + b), shade())
            elif shape == 1:
                draw.rectangle((x, y, x + a, y + b), shade(), shade() if r.random() < 0.4 else None)
            else:
                points = [(x + r.randint(-a, a), y + r.randint(-b, b)) for _ in range(3)]
                draw.polygon(points, shade())
    else:  # twigs, cracks, fences, wires
        for _ in range(r.randint(5, 60)):
            x, y = r.randrange(width), r.randrange(height)
            points = [(x, y)] + [
                (x := x + r.randint(-40, 40), y := y + r.randint(-40, 40)) for _ in range(r.randint(1, 6))
            ]
            draw.line(points, shade(), r.randint(1, 5))
    return Canvas(scene, ground=base)
