"""Backgrounds with a name: plain colours, gradients, patterns, drawn landscapes and rooms, photographs."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from pocket.data.scenes.names import COLOUR_NAMES, COLOURS, article
from pocket.data.scenes.photos import photographs

SIZE = 224
Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Background:
    """What is behind the things: `phrase` ends a caption, `name` and `colour` answer questions."""

    kind: str
    name: str
    colour: str
    phrase: str


@functools.cache
def _noise() -> np.ndarray:
    return np.random.default_rng(5).standard_normal((64, 64)).astype(np.float32)


def near(colour: str, rng: random.Random, spread: int = 12) -> Rgb:
    red, green, blue = (max(0, min(255, c + rng.randint(-spread, spread))) for c in COLOURS[colour])
    return red, green, blue


def mix(a: Rgb, b: Rgb, part: float) -> Rgb:
    red, green, blue = (int(x + (y - x) * part) for x, y in zip(a, b, strict=True))
    return red, green, blue


def ramp(a: Rgb, b: Rgb, rng: random.Random, direction: str = "") -> Image.Image:
    """A smooth passage from one colour to another, down, across or from corner to corner."""
    way = direction or rng.choice(["down", "across", "corner"])
    if way == "corner":
        corners = np.array((a, mix(a, b, 0.5), mix(a, b, 0.5), b), np.uint8).reshape(2, 2, 3)
        return Image.fromarray(corners).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    steps = np.linspace(a, b, SIZE).astype(np.uint8)
    line = steps[:, None] if way == "down" else steps[None]
    return Image.fromarray(np.ascontiguousarray(np.broadcast_to(line, (SIZE, SIZE, 3))))


def textured(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Cloudy or grainy variation of brightness."""
    n = rng.choice([4, 6, 9, 16, 40])
    x, y = rng.randint(0, 63 - n), rng.randint(0, 63 - n)
    grain = Image.fromarray(_noise()[y : y + n, x : x + n] * rng.uniform(2, 10) + 128).convert("L")
    grain = grain.resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    data = np.asarray(picture).astype(np.int16) + (np.asarray(grain).astype(np.int16) - 128)[..., None]
    return Image.fromarray(np.clip(data, 0, 255).astype(np.uint8))


def plain(rng: random.Random, avoid: set[str]) -> tuple[Image.Image, Background]:
    colour = rng.choice([c for c in COLOUR_NAMES if c not in avoid])
    base = near(colour, rng)
    if rng.random() < 0.4:
        picture = ramp(mix(base, (255, 255, 255), 0.15), mix(base, (0, 0, 0), 0.15), rng)
    else:
        picture = Image.new("RGB", (SIZE, SIZE), base)
    if rng.random() < 0.4:
        picture = textured(picture, rng)
    return picture, Background("colour", f"{colour} background", colour, f"on {article(colour)} background")


def gradient(rng: random.Random, avoid: set[str]) -> tuple[Image.Image, Background]:
    a, b = rng.sample([c for c in COLOUR_NAMES if c not in avoid], 2)
    way = rng.choice(["down", "across"])
    picture = ramp(near(a, rng), near(b, rng), rng, way)
    return picture, Background("gradient", f"{a} and {b} gradient", f"{a} and {b}", f"on {article(a)} and {b} gradient")


def pattern(rng: random.Random, avoid: set[str]) -> tuple[Image.Image, Background]:
    a, b = rng.sample([c for c in COLOUR_NAMES if c not in avoid], 2)
    kind = rng.choice(["striped", "checked", "dotted"])
    first, second = near(a, rng), near(b, rng)
    picture = Image.new("RGB", (SIZE, SIZE), first)
    draw = ImageDraw.Draw(picture)
    step = rng.choice([14, 18, 24, 32])
    if kind == "striped":
        upright = rng.random() < 0.5
        for at in range(0, SIZE, step * 2):
            draw.rectangle((at, 0, at + step - 1, SIZE) if upright else (0, at, SIZE, at + step - 1), second)
    elif kind == "checked":
        for y in range(0, SIZE, step):
            for x in range(step * ((y // step) % 2), SIZE, step * 2):
                draw.rectangle((x, y, x + step - 1, y + step - 1), second)
    else:
        radius = step // 3
        for y in range(step // 2, SIZE + step, step):
            for x in range(step // 2, SIZE + step, step):
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), second)
    phrase = f"on {article(kind)} background of {a} and {b}"
    return picture, Background("pattern", f"{kind} background", f"{a} and {b}", phrase)


def _paste(top: Image.Image, rows: int, picture: Image.Image) -> None:
    picture.paste(top.resize((SIZE, max(1, rows))), (0, 0))


def _hills(draw: ImageDraw.ImageDraw, rng: random.Random, horizon: int, colour: Rgb, high: int, sharp: bool) -> None:
    points: list[tuple[int, int]] = [(0, horizon + 2)]
    x = 0
    while x < SIZE:
        points.append((x, horizon - rng.randint(high // 3, high)))
        x += rng.randint(18, 44)
        if sharp:
            points.append((x, horizon - rng.randint(0, high // 3)))
            x += rng.randint(14, 34)
    draw.polygon([*points, (SIZE, horizon - high // 3), (SIZE, horizon + 2)], colour)


def _clouds(draw: ImageDraw.ImageDraw, rng: random.Random, below: int) -> None:
    for _ in range(rng.randint(0, 3)):
        x, y, w = rng.randint(0, SIZE), rng.randint(4, max(6, below // 2)), rng.randint(14, 30)
        for k in range(3):
            draw.ellipse((x + k * w // 2, y - (k == 1) * w // 4, x + k * w // 2 + w, y + w // 2), (244, 247, 250))


def _outdoors(rng: random.Random, sky: tuple[Rgb, Rgb], ground: tuple[Rgb, Rgb]) -> tuple[Image.Image, int]:
    """Sky over ground, and the row where they meet."""
    horizon = rng.randint(70, 150)
    picture = ramp(ground[0], ground[1], rng, "down")
    _paste(ramp(sky[0], sky[1], rng, "down"), horizon, picture)
    return picture, horizon


DAY = ((88, 152, 226), (190, 222, 246))
DUSK = ((96, 70, 140), (246, 170, 110))


def _sky(rng: random.Random) -> tuple[Rgb, Rgb]:
    a, b = DUSK if rng.random() < 0.2 else DAY
    shift = rng.uniform(-0.15, 0.15)
    target = (255, 255, 255) if shift > 0 else (0, 0, 0)
    return mix(a, target, abs(shift)), mix(b, target, abs(shift) / 2)


def field(rng: random.Random) -> Image.Image:
    picture, horizon = _outdoors(rng, _sky(rng), ((120, 186, 84), (52, 126, 48)))
    draw = ImageDraw.Draw(picture)
    _clouds(draw, rng, horizon)
    if rng.random() < 0.5:
        _hills(draw, rng, horizon, (70, 140, 74), 26, False)
    for _ in range(rng.randint(0, 60)):
        x, y = rng.randint(0, SIZE), rng.randint(horizon + 4, SIZE)
        draw.line((x, y, x + rng.randint(-2, 2), y - rng.randint(3, 6)), (40, 104, 40))
    return picture


def sea(rng: random.Random) -> Image.Image:
    picture, horizon = _outdoors(rng, _sky(rng), ((40, 132, 178), (12, 66, 120)))
    draw = ImageDraw.Draw(picture)
    _clouds(draw, rng, horizon)
    for _ in range(rng.randint(15, 50)):
        x, y = rng.randint(-10, SIZE), rng.randint(horizon + 3, SIZE)
        w = 4 + (y - horizon) // 6
        draw.arc((x, y, x + w * 2, y + w), 200, 340, (150, 206, 232), 1)
    return picture


def beach(rng: random.Random) -> Image.Image:
    picture, horizon = _outdoors(rng, _sky(rng), ((232, 208, 150), (216, 184, 118)))
    draw = ImageDraw.Draw(picture)
    _clouds(draw, rng, horizon)
    shore = horizon + rng.randint(12, 30)
    draw.rectangle((0, horizon, SIZE, shore), (44, 140, 190))
    draw.line((0, shore, SIZE, shore), (240, 246, 250), 3)
    return picture


def desert(rng: random.Random) -> Image.Image:
    picture, horizon = _outdoors(rng, _sky(rng), ((226, 176, 96), (190, 128, 60)))
    draw = ImageDraw.Draw(picture)
    _hills(draw, rng, horizon, (210, 156, 84), 24, False)
    for _ in range(rng.randint(2, 6)):
        y = rng.randint(horizon + 6, SIZE)
        draw.arc((rng.randint(-80, 120), y, rng.randint(140, 300), y + 24), 190, 340, (180, 120, 60), 2)
    return picture


def snow(rng: random.Random) -> Image.Image:
    picture, horizon = _outdoors(rng, ((150, 176, 206), (214, 226, 238)), ((246, 249, 252), (222, 232, 242)))
    draw = ImageDraw.Draw(picture)
    _hills(draw, rng, horizon, (226, 234, 242), 30, False)
    for _ in range(rng.randint(30, 80)):
        x, y, r = rng.randint(0, SIZE), rng.randint(0, SIZE), rng.randint(1, 2)
        draw.ellipse((x, y, x + r, y + r), (255, 255, 255))
    return picture


def mountains(rng: random.Random) -> Image.Image:
    picture, horizon = _outdoors(rng, _sky(rng), ((104, 140, 92), (70, 100, 66)))
    draw = ImageDraw.Draw(picture)
    _hills(draw, rng, horizon, (120, 126, 142), 90, True)
    _hills(draw, rng, horizon, (92, 98, 112), 50, True)
    return picture


def night(rng: random.Random) -> Image.Image:
    picture = ramp((8, 10, 36), (34, 36, 84), rng, "down")
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.randint(40, 110)):
        x, y, r = rng.randint(0, SIZE), rng.randint(0, SIZE), rng.choice([0, 0, 1, 1, 2])
        draw.ellipse((x, y, x + r, y + r), (250, 246, 214))
    return picture


def room(rng: random.Random) -> Image.Image:
    wall = mix(near(rng.choice(COLOUR_NAMES), rng), (240, 236, 228), 0.6)
    floor = rng.choice([(168, 118, 72), (142, 96, 58), (186, 150, 110), (120, 110, 104)])
    picture = Image.new("RGB", (SIZE, SIZE), wall)
    draw = ImageDraw.Draw(picture)
    edge = rng.randint(130, 180)
    draw.rectangle((0, edge, SIZE, SIZE), floor)
    for i in range(-6, 14):
        draw.line((i * 22, edge, (i - 3.5) * 44, SIZE), mix(floor, (0, 0, 0), 0.25))
    draw.rectangle((0, edge - 5, SIZE, edge), mix(wall, (255, 255, 255), 0.6))
    if rng.random() < 0.6:
        x, y, w, h = rng.randint(6, 150), rng.randint(8, 36), rng.randint(40, 64), rng.randint(40, 60)
        draw.rectangle((x, y, x + w, y + h), (176, 214, 242), (250, 250, 250), 4)
        draw.line((x + w // 2, y, x + w // 2, y + h), (250, 250, 250), 3)
    return picture


def street(rng: random.Random) -> Image.Image:
    picture, horizon = _outdoors(rng, _sky(rng), ((96, 96, 100), (64, 64, 70)))
    draw = ImageDraw.Draw(picture)
    x = -rng.randint(0, 20)
    while x < SIZE:
        w, h = rng.randint(26, 52), rng.randint(30, horizon - 8)
        wall = mix(rng.choice([(150, 110, 96), (140, 140, 150), (190, 170, 140), (110, 120, 140)]), (0, 0, 0), 0.1)
        draw.rectangle((x, horizon - h, x + w, horizon), wall)
        for wy in range(horizon - h + 6, horizon - 8, 13):
            for wx in range(x + 5, x + w - 7, 12):
                draw.rectangle((wx, wy, wx + 5, wy + 6), (236, 226, 170) if rng.random() < 0.4 else (80, 92, 110))
        x += w + rng.randint(0, 6)
    middle = (horizon + SIZE) // 2
    for at in range(0, SIZE, 40):
        draw.rectangle((at, middle, at + 20, middle + 4), (232, 230, 220))
    return picture


def forest(rng: random.Random) -> Image.Image:
    picture, horizon = _outdoors(rng, ((126, 170, 140), (170, 204, 160)), ((92, 112, 54), (60, 76, 36)))
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.randint(9, 16)):
        x, w, y = rng.randint(-10, SIZE), rng.randint(6, 16), horizon + rng.randint(-4, 30)
        draw.rectangle((x, 0, x + w, y), mix((84, 60, 40), (40, 30, 20), rng.random()))
    for _ in range(rng.randint(14, 24)):
        x, y, r = rng.randint(-20, SIZE), rng.randint(-24, 30), rng.randint(14, 34)
        draw.ellipse((x, y, x + r * 2, y + r), mix((46, 112, 52), (24, 70, 34), rng.random()))
    return picture


PLACES: dict[str, tuple[Callable[[random.Random], Image.Image], str, str]] = {
    "field": (field, "in a field", "a field"),
    "sea": (sea, "at sea", "the sea"),
    "beach": (beach, "on a beach", "a beach"),
    "desert": (desert, "in a desert", "a desert"),
    "snow": (snow, "in the snow", "snow"),
    "mountains": (mountains, "in the mountains", "mountains"),
    "night sky": (night, "in the night sky", "the night sky"),
    "room": (room, "in a room", "a room"),
    "street": (street, "on a street", "a street"),
    "forest": (forest, "in a forest", "a forest"),
}


def place(rng: random.Random) -> tuple[Image.Image, Background]:
    name = rng.choice(list(PLACES))
    paint, phrase, _ = PLACES[name]
    return paint(rng), Background("place", name, "", phrase)


def photograph(rng: random.Random, split: str) -> tuple[Image.Image, Background]:
    pictures = photographs(split)
    row = rng.choice(pictures.rows)
    data = pictures.data[row]
    height, width = data.shape[:2]
    side = rng.randint(height // 2, height)
    x, y = rng.randint(0, width - side), rng.randint(0, height - side)
    cut = Image.fromarray(np.ascontiguousarray(data[y : y + side, x : x + side]))
    cut = cut.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    if rng.random() < 0.5:
        cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    name = "abstract picture" if pictures.abstract(row) else "photo"
    return cut, Background("photo", name, "", f"in front of {article(name)}")


def background(rng: random.Random, split: str, avoid: set[str]) -> tuple[Image.Image, Background]:
    """A background; colours of the things before it are avoided, so that nothing vanishes."""
    draw = rng.random()
    if draw < 0.36:
        return plain(rng, avoid)
    if draw < 0.44:
        return gradient(rng, avoid)
    if draw < 0.54:
        return pattern(rng, avoid)
    if draw < 0.84 or not photographs(split).rows:
        return place(rng)
    return photograph(rng, split)
