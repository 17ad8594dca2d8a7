"""Coloured shapes, and drawn things that others stand on (table, shelf …) or lie in (box, frame …)."""

from __future__ import annotations

import functools
import math

from PIL import Image, ImageDraw

from pocket.data.scenes.names import COLOURS

Point = tuple[float, float]
POLYGONS: dict[str, list[Point]] = {
    "triangle": [(0.5, 0.02), (0.98, 0.95), (0.02, 0.95)],
    "diamond": [(0.5, 0.0), (0.9, 0.5), (0.5, 1.0), (0.1, 0.5)],
    "hexagon": [(0.25, 0.07), (0.75, 0.07), (1.0, 0.5), (0.75, 0.93), (0.25, 0.93), (0.0, 0.5)],
    "arrow": [(0.0, 0.36), (0.55, 0.36), (0.55, 0.1), (1.0, 0.5), (0.55, 0.9), (0.55, 0.64), (0.0, 0.64)],
    "star": [
        (0.5 + 0.5 * r * math.sin(i * math.pi / 5), 0.52 - 0.5 * r * math.cos(i * math.pi / 5))
        for i, r in enumerate([1.0, 0.42] * 5)
    ],
}


def shaded(colour: str, gain: float) -> tuple[int, int, int, int]:
    red, green, blue = (max(0, min(255, int(c * gain + (14 if gain > 1 else 0)))) for c in COLOURS[colour])
    return red, green, blue, 255


def _shape(draw: ImageDraw.ImageDraw, kind: str, colour: str, s: int) -> None:
    fill = shaded(colour, 1)
    if kind in POLYGONS:
        draw.polygon([(x * s, y * s) for x, y in POLYGONS[kind]], fill)
    elif kind == "circle":
        draw.ellipse((1, 1, s - 2, s - 2), fill)
    elif kind == "square":
        draw.rectangle((s // 16, s // 16, s - s // 16, s - s // 16), fill)
    elif kind == "ring":
        draw.ellipse((1, 1, s - 2, s - 2), outline=fill, width=s // 6)
    elif kind == "cross":
        draw.rectangle((s * 0.35, 1, s * 0.65, s - 2), fill)
        draw.rectangle((1, s * 0.35, s - 2, s * 0.65), fill)
    elif kind == "heart":
        draw.ellipse((0, s * 0.06, s * 0.54, s * 0.58), fill)
        draw.ellipse((s * 0.46, s * 0.06, s, s * 0.58), fill)
        draw.polygon(((s * 0.045, s * 0.42), (s * 0.955, s * 0.42), (s / 2, s * 0.97)), fill)


def _support(draw: ImageDraw.ImageDraw, kind: str, colour: str, s: int) -> None:
    """Things with a flat top at the picture's upper edge."""
    light, dark = shaded(colour, 1), shaded(colour, 0.7)
    if kind == "table":
        for x in (0.06, 0.86):
            draw.rectangle((s * x, s * 0.12, s * (x + 0.08), s - 1), dark)
        draw.rectangle((0, 0, s - 1, s * 0.16), light)
    elif kind == "bench":
        for x in (0.1, 0.78):
            draw.polygon([(s * x, s * 0.3), (s * (x + 0.12), s * 0.3), (s * (x + 0.18), s), (s * (x - 0.06), s)], dark)
        for y in (0.0, 0.17, 0.34):
            draw.rectangle((0, s * y, s - 1, s * (y + 0.12)), light)
    elif kind == "shelf":
        draw.rectangle((0, 0, s - 1, s * 0.2), light)
        for x in (0.12, 0.78):
            draw.polygon([(s * x, s * 0.2), (s * (x + 0.1), s * 0.2), (s * (x + 0.05), s * 0.75)], dark)
    elif kind == "podium":
        draw.rectangle((s * 0.08, s * 0.2, s * 0.92, s - 1), dark)
        draw.rectangle((0, 0, s - 1, s * 0.22), light)


def _container(draw: ImageDraw.ImageDraw, kind: str, colour: str, s: int) -> None:
    light, dark = shaded(colour, 1), shaded(colour, 0.7)
    edge = max(3, s // 14)
    if kind == "frame":
        draw.rectangle((0, 0, s - 1, s - 1), outline=light, width=edge)
    elif kind == "hoop":
        draw.ellipse((0, 0, s - 1, s - 1), outline=light, width=edge)
    elif kind == "box":
        draw.rectangle((0, s * 0.1, s - 1, s - 1), shaded(colour, 0.5))
        draw.rectangle((s * 0.08, s * 0.18, s * 0.92, s * 0.92), shaded(colour, 0.8))
        draw.polygon([(0, s * 0.1), (s * 0.16, 0), (s * 0.84, 0), (s - 1, s * 0.1)], light)
    elif kind == "cage":
        draw.rectangle((0, 0, s - 1, s - 1), outline=light, width=edge)
        for i in range(1, 6):
            x = s * i / 6
            draw.line((x, 0, x, s), dark, max(2, s // 60))


@functools.lru_cache(1024)
def shape(kind: str, colour: str, size: int = 128) -> Image.Image:
    """A shape, support or container, antialiased, on a transparent square of `size` pixels."""
    picture = Image.new("RGBA", (size * 2, size * 2), shaded(colour, 1)[:3] + (0,))
    draw = ImageDraw.Draw(picture)
    for paint in (_shape, _support, _container):
        paint(draw, kind, colour, size * 2)
    return picture.resize((size, size), Image.Resampling.BOX)
