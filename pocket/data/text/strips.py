"""Strips of text for the reader: one line, grey, 32 rows, as wide as its width bucket, cut by a box as a detector's.

strip(seed, split) is one strip and its text. Fonts and words of the split "test" never occur in "train".
"""

from __future__ import annotations

import random

import numpy as np
from PIL import Image, ImageFont

from pocket.data.text import effects, fonts, words
from pocket.data.text.charset import DRAWN_ONLY, ambiguous, label

HEIGHT = 32
WIDTHS = (48, 80, 112, 144, 192, 256, 320)
SQUEEZE = 1.45  # a line up to this much longer than the widest bucket is squeezed into it
LONGEST = 42

_SMALL, _LARGE = (9, 10, 11, 12, 13, 14), (16, 20, 26, 34)  # sizes: few, so that FreeType's faces stay in the cache


def _spaced(f: ImageFont.FreeTypeFont, text: str, gap: float, wobble: float, r: random.Random) -> Image.Image:
    """The text with its letters apart, each a little higher or lower."""
    x, ascent, descent = 2.0, *f.getmetrics()
    width = int(f.getlength(text) + gap * len(text)) + 12
    out = np.zeros((ascent + descent + 12, max(4, width)), np.uint8)
    for c in text:
        mask, (dx, dy) = f.getmask2(c, mode="L")
        w, h = mask.size
        left, top = int(x) + dx, dy + 4 + round(r.uniform(-wobble, wobble))
        if w and h and left >= 0 and top >= 0:
            part = out[top : top + h, left : left + w]
            np.maximum(
                part, np.frombuffer(bytes(mask), np.uint8).reshape(h, w)[: part.shape[0], : part.shape[1]], out=part
            )
        x += f.getlength(c) + gap
    picture = Image.fromarray(out)
    return picture.crop(picture.getbbox() or (0, 0, 1, 1))


def _ink(r: random.Random, split: str) -> tuple[Image.Image, str, float, float]:
    """The letters of one line, cropped to the ink; its label; the room that the font leaves above and below it."""
    while True:
        face = fonts.pick(r, split)
        text = face.drawable(words.line(r, split))[:LONGEST].strip()
        if not text or (split == "test" and ambiguous(label(text))):
            continue
        f = fonts.font(face.path, r.choice(_SMALL if r.random() < 0.3 else _LARGE))
        size = f.size
        if r.random() < 0.07:
            spread = r.uniform(-0.03, 0.3) * size if r.random() < 0.7 else 0
            ink = _spaced(f, text, spread, size * 0.06 if r.random() < 0.5 else 0, r)
            above = below = 0.1 * ink.height
        else:
            mask, (_, top) = f.getmask2(text, mode="L", stroke_width=1 if size > 12 and r.random() < 0.06 else 0)
            if mask.size[0] < 2 or mask.size[1] < 2:
                continue
            ink = Image.frombytes("L", mask.size, bytes(mask))
            above, below = max(0, top), max(0, sum(f.getmetrics()) - top - ink.height)
        if ink.width < 3 or ink.height < 3 or ink.height > 150:
            continue
        if ink.width / ink.height * HEIGHT * 0.85 > WIDTHS[-1] * SQUEEZE:
            if " " not in text:
                continue
            # too long for a strip: the engine would cut it in two as well
            shorter = (
                text[: int(len(text) * WIDTHS[-1] * ink.height * SQUEEZE / (ink.width * HEIGHT))]
                .rsplit(" ", 1)[0]
                .strip()
            )
            if not shorter or (split == "test" and ambiguous(label(shorter))):
                continue
            mask, (_, top) = f.getmask2(shorter, mode="L")
            if mask.size[0] < 3 or mask.size[1] < 3:
                continue
            ink, text = Image.frombytes("L", mask.size, bytes(mask)), shorter
            above, below = max(0, top), max(0, sum(f.getmetrics()) - top - ink.height)
        return ink, label(text), above, below


def _with_neighbours(r: random.Random, split: str, ink: Image.Image) -> tuple[Image.Image, int, int]:
    """The line between others whose descenders and ascenders reach into the strip, and where it lies now."""
    w, h = ink.size
    extra = h
    canvas = Image.new("L", (w + 2 * h, h + 2 * extra))
    for side in (-1, 1):
        if r.random() < 0.35:
            continue
        f = fonts.font(fonts.pick(r, split, ("sans", "serif")).path, r.choice(_LARGE))
        mask, _ = f.getmask2(
            words.sentence(r, split, 3).translate(str.maketrans("", "", "".join(DRAWN_ONLY))), mode="L"
        )
        if not mask.size[1]:
            continue
        other = Image.frombytes("L", mask.size, bytes(mask))
        other = other.resize((max(1, other.width * h // other.height), h), Image.Resampling.BILINEAR)
        gap = round(r.uniform(0.03, 0.25) * h)
        canvas.paste(other, (r.randint(-h, h), extra - gap - h if side < 0 else extra + h + gap))
    canvas.paste(ink, (h, extra))
    return canvas, h, extra


def _frame(r: random.Random, ink: Image.Image, above: float, below: float) -> tuple[float, float, float, float]:
    """The box that a detector would cut, around the ink: loose, tight, or with the font's own line height."""
    h = ink.height
    k = r.random()
    if k < 0.25:
        top, bottom = above + r.uniform(-0.1, 0.15) * h, below + r.uniform(-0.1, 0.15) * h
    elif k < 0.9:
        top, bottom = r.uniform(-0.04, 0.28) * h, r.uniform(-0.04, 0.28) * h
    else:
        top, bottom = r.uniform(0.1, 0.6) * h, r.uniform(0.1, 0.6) * h
    return -r.uniform(-0.03, 0.5) * h, -top, ink.width + r.uniform(-0.03, 0.5) * h, h + bottom


def _rules(r: random.Random, ink: Image.Image) -> Image.Image:
    """An underline, or now and then a line through the text, drawn with the ink."""
    w, h = ink.size
    thick = max(1, round(h * r.uniform(0.03, 0.08)))
    y = h * r.uniform(0.4, 0.6) if r.random() < 0.15 else h * r.uniform(0.86, 1.08)
    out = Image.new("L", (w, max(h, round(y) + thick)))
    out.paste(ink)
    out.paste(255, (0, round(y), w, round(y) + thick))
    return out


def _warp(
    r: random.Random, mask: Image.Image, box: tuple[float, float, float, float], width: int, h: float
) -> np.ndarray:
    """The box of the mask as a strip: straight, or slanted, turned and in perspective."""
    x0, y0, x1, y1 = box
    if r.random() < 0.5:
        j = lambda a: r.uniform(-a, a) * h  # noqa: E731
        slant, turn = j(0.25), np.tan(np.radians(r.uniform(-2.2, 2.2))) * min(x1 - x0, 7 * h) / 2
        if r.random() < 0.6:
            turn = 0
        quad = (
            x0 + slant,
            y0 + j(0.07) - turn,
            x0 - slant,
            y1 + j(0.07) - turn,
            x1 - slant + j(0.15),
            y1 + j(0.07) + turn,
            x1 + slant + j(0.15),
            y0 + j(0.07) + turn,
        )
        mask = mask.transform((width, HEIGHT), Image.Transform.QUAD, quad, Image.Resampling.BILINEAR)
    else:
        how = Image.Resampling.BILINEAR if r.random() < 0.6 else Image.Resampling.BICUBIC
        mask = mask.transform((width, HEIGHT), Image.Transform.EXTENT, box, how)
    return np.asarray(mask, np.float32) / 255


def strip(seed: int, split: str) -> tuple[np.ndarray, str]:
    """One strip, (32, width bucket) bytes, and its text."""
    r = random.Random(seed)
    ink, text, above, below = _ink(r, split)
    if r.random() < 0.05:
        ink = _rules(r, ink)
    x0, y0, x1, y1 = _frame(r, ink, above, below)
    mask, height = ink, ink.height
    if r.random() < 0.13:
        mask, dx, dy = _with_neighbours(r, split, ink)
        x0, y0, x1, y1 = x0 + dx, y0 + dy, x1 + dx, y1 + dy
    scale = HEIGHT / (y1 - y0)
    want = min(max((x1 - x0) * scale * r.uniform(0.82, 1.2), 16), WIDTHS[-1])
    width = next(b for b in WIDTHS if b >= want - 4)
    if r.random() < 0.75:
        x1 += (width - min(want, width)) * (x1 - x0) / want
    if height > 44:  # bilinear sampling would skip pixels
        k = 36 / height
        mask = mask.resize((max(1, round(mask.width * k)), max(1, round(mask.height * k))), Image.Resampling.BOX)
        x0, y0, x1, y1, height = x0 * k, y0 * k, x1 * k, y1 * k, 36
    a = _warp(r, mask, (x0, y0, x1, y1), width, height)
    ink_level, ground = effects.ink_and_ground(r)
    back = effects.background(r, HEIGHT, width, ground, abs(ink_level - ground))
    if r.random() < 0.1:  # a drop shadow or a light edge
        relief = r.uniform(-0.5, 0.5) * abs(ink_level - ground)
        back = back + np.roll(a, (r.choice((-1, 0, 1)), r.choice((-1, 1))), (0, 1)) * relief
    picture = back + (ink_level - back) * a
    k = r.random()
    if k < 0.3:
        picture = picture * effects.light(r, HEIGHT, width)
    elif k < 0.38:
        picture = picture * effects.shadow(r, HEIGHT, width)
    if r.random() < 0.04:  # an edge of a label, a table's rule
        x = r.choice((r.randrange(3), width - 1 - r.randrange(3)))
        picture[:, x] = ink_level
    grey = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    low = r.uniform(0.34, 0.95) if r.random() < 0.28 and ink.height > 14 else 1.0
    return np.asarray(effects.camera(r, grey, low), np.uint8), text
