"""Pictures with text as a camera or a screenshot gives them, with the box and text of every line.

page(seed, split) is a whole flat page; view() looks at it: from a distance, turned, in perspective, in uneven light;
tiles(seed, split) are the 224x224 views that the line head is trained on.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageFilter

from pocket.data.text import effects
from pocket.data.text.canvas import Canvas, Line, any_colour, plain
from pocket.data.text.layouts import KINDS

TILE = 224
SMALLEST, LARGEST = 7.0, 62.0  # heights of lines in a tile that are looked for
TILES_OF_A_PAGE = 6
_TALL = frozenset("bdfhkltABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


@dataclass(frozen=True)
class ReadWord:
    text: str
    box: np.ndarray  # cx, cy, w, h, angle


@dataclass(frozen=True)
class ReadLine:
    text: str
    box: np.ndarray
    words: tuple[ReadWord, ...]
    readable: bool


@dataclass(frozen=True)
class View:
    picture: np.ndarray  # (height, width, 3) bytes
    lines: tuple[ReadLine, ...]
    kind: str
    caption: str  # empty where only a part of the page is seen


@dataclass(frozen=True)
class Page:
    canvas: Canvas
    kind: str
    caption: str
    halves: list[Image.Image]  # the picture, and halved again and again, to be sampled without aliasing


def _bent(r: random.Random, canvas: Canvas) -> Canvas:
    """The page with columns shifted along a wave, as paper that does not lie flat."""
    w, h = canvas.size
    depth, length, phase = r.uniform(0.004, 0.018) * h, r.uniform(0.7, 2) * w, r.uniform(0, 6.28)
    room = int(depth) + 2
    wider = plain(w, h + 2 * room, canvas.picture.getpixel((1, 1)))
    wider.paste(canvas, 0, room)
    canvas, h = wider, h + 2 * room
    shift = lambda x: depth * np.sin(x * 2 * np.pi / length + phase)  # noqa: E731
    mesh = []
    for x0 in range(0, w, 16):
        x1 = min(w, x0 + 16)
        a, b = float(shift(x0)), float(shift(x1))
        mesh.append(((x0, 0, x1, h), (x0, -a, x0, h - a, x1, h - b, x1, -b)))
    picture = canvas.picture.transform((w, h), Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)
    bent = Canvas(picture, [_moved(line, shift) for line in canvas.lines], canvas.ground)
    flat = plain(w, h - 2 * room, canvas.ground)
    flat.paste(bent, 0, -room)  # without what came from beyond the paper
    return flat


def _moved(line: Line, shift: Callable[[np.ndarray], np.ndarray]) -> Line:
    def bend(corners: np.ndarray) -> np.ndarray:
        """The straight box around what a box becomes: its ends move, and the bulge between them widens it."""
        out = corners.copy()
        out[:, 1] += shift(corners[:, 0])
        middle = corners[:2].mean(0)[0]
        bulge = shift(middle) - out[:2, 1].mean() + corners[:2, 1].mean()
        out[:2, 1] += min(0.0, bulge)
        out[2:, 1] += max(0.0, bulge)
        return out

    words = tuple(replace(w, corners=bend(w.corners)) for w in line.words)
    return replace(line, corners=bend(line.corners), words=words)


def page(seed: int, split: str, kind: str | None = None) -> Page:
    r = random.Random(seed)
    kind = kind or r.choices(list(KINDS), [share for _, share in KINDS.values()])[0]
    canvas, caption = KINDS[kind][0](r, split)
    if kind in ("document", "receipt", "label", "handwriting", "poster") and r.random() < 0.12:
        canvas = _bent(r, canvas)
    halves = [canvas.picture]
    while min(halves[-1].size) > 160:
        halves.append(halves[-1].reduce(2))
    return Page(canvas, kind, caption, halves)


def _homography(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The 3x3 matrix that takes four source points to four target points."""
    rows = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    return np.append(np.linalg.solve(np.array(rows), target.reshape(-1)), 1).reshape(3, 3)


def _apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    out = np.concatenate([points, np.ones((len(points), 1))], 1) @ matrix.T
    return out[:, :2] / out[:, 2:]


def boxes_of(corners: np.ndarray) -> np.ndarray:
    """The oriented boxes (n, 5: cx, cy, w, h, angle) around quadrilaterals (n, 4, 2), upper left corners first."""
    along = corners[:, 1] + corners[:, 2] - corners[:, 0] - corners[:, 3]
    length = np.sqrt((along**2).sum(1, keepdims=True))
    along = np.where(length > 1e-6, along / np.maximum(length, 1e-6), (1.0, 0.0))
    across = np.stack([-along[:, 1], along[:, 0]], 1)
    centre = corners.mean(1)
    off = corners - centre[:, None]
    u, v = np.einsum("nci,ni->nc", off, along), np.einsum("nci,ni->nc", off, across)
    u0, u1, v0, v1 = u.min(1), u.max(1), v.min(1), v.max(1)
    centre = centre + along * ((u0 + u1) / 2)[:, None] + across * ((v0 + v1) / 2)[:, None]
    angle = np.arctan2(along[:, 1], along[:, 0])
    return np.stack([centre[:, 0], centre[:, 1], u1 - u0, v1 - v0, angle], 1).astype(np.float32)


def _angle(r: random.Random) -> float:
    k = r.random()
    if k < 0.25:
        return 0.0
    if k < 0.8:
        return r.gauss(0, 5)
    if k < 0.9:
        return r.choice((90, 180, -90)) + r.gauss(0, 3)
    return r.uniform(-180, 180)


def view(
    page: Page,
    r: random.Random,
    size: tuple[int, int],
    scale: tuple[float, float],
    centre: tuple[float, float],
    angle: float,
    whole: bool,
    tilt: float = 0.0,
    camera: bool = True,
    with_words: bool = False,
) -> View:
    """The page as seen in a picture of `size`: `centre` of the page in its middle, scaled by (x, y), turned by `angle`
    degrees; `tilt` moves the corners by up to that part of the size."""
    width, height = size
    a = np.radians(angle)
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    target = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
    source = ((target - (width / 2, height / 2)) @ turn) / scale + centre
    seen = target + np.array([[r.uniform(-tilt, tilt) * s for s in size] for _ in range(4)])
    forth = _homography(source, seen)
    level = 0
    smallest = min(scale) * 1.15
    while smallest < 0.75 and level + 1 < len(page.halves):
        smallest, level = smallest * 2, level + 1
    back = np.linalg.inv(forth)
    factor = page.halves[level].size[0] / page.canvas.size[0]
    back = np.diag([factor, page.halves[level].size[1] / page.canvas.size[1], 1]) @ back
    back = back / back[2, 2]
    how = Image.Resampling.BICUBIC if max(scale) > 1.4 else Image.Resampling.BILINEAR
    edge = tuple(int(v) for v in np.asarray(page.halves[-1]).reshape(-1, 3)[0])
    fill = edge if r.random() < 0.55 else any_colour(r) if r.random() < 0.75 else r.choice(((0, 0, 0), (255, 255, 255)))
    picture = page.halves[level].transform(
        size, Image.Transform.PERSPECTIVE, tuple(back.reshape(-1)[:8]), how, fillcolor=fill
    )
    blur = 0.0
    pixels = np.asarray(picture)
    if camera:
        pixels, blur = _seen(r, picture)
    return View(
        pixels,
        tuple(_lines(page.canvas.lines, forth, size, blur, with_words)),
        page.kind,
        page.caption if whole else "",
    )


def _lines(
    lines: list[Line], forth: np.ndarray, size: tuple[int, int], blur: float, with_words: bool
) -> list[ReadLine]:
    """The lines that the picture shows at least a part of, where it shows them."""
    if not lines:
        return []
    place = lambda quads: boxes_of(_apply(forth, quads.reshape(-1, 2)).reshape(-1, 4, 2))  # noqa: E731
    boxes = place(np.stack([line.corners for line in lines]))
    cos, sin = np.abs(np.cos(boxes[:, 4])), np.abs(np.sin(boxes[:, 4]))
    reach = np.stack([boxes[:, 2] * cos + boxes[:, 3] * sin, boxes[:, 2] * sin + boxes[:, 3] * cos], 1) / 2
    seen = ((boxes[:, :2] > -reach) & (boxes[:, :2] < reach + size)).all(1)
    out = []
    for i in np.flatnonzero(seen):
        line, box = lines[i], boxes[i]
        # a line of small letters alone is lower than others of its size
        least = SMALLEST if _TALL.intersection(line.text) else 0.75 * SMALLEST
        readable = bool(least <= box[3] <= 3 * LARGEST and blur * 5 < box[3] and line.contrast > 28)
        words: tuple[ReadWord, ...] = ()
        if with_words:
            places = place(np.stack([w.corners for w in line.words]))
            words = tuple(ReadWord(w.text, b) for w, b in zip(line.words, places, strict=True))
        out.append(ReadLine(line.text, box, words, readable))
    return out


def _seen(r: random.Random, picture: Image.Image) -> tuple[np.ndarray, float]:
    """Light, blur, noise and JPEG; and the blur's radius."""
    blur = 0.0
    k = r.random()
    if k < 0.2:
        blur = r.uniform(0.4, 1.3)
        picture = picture.filter(ImageFilter.GaussianBlur(blur))
    width, height = picture.size
    if r.random() < 0.3:
        factors = effects.light(r, height, width) if r.random() < 0.6 else effects.shadow(r, height, width)
        if r.random() < 0.5:
            factors = factors * r.uniform(0.5, 1.1)
        picture = Image.fromarray(np.clip(np.asarray(picture) * factors[:, :, None], 0, 255).astype(np.uint8))
    if r.random() < 0.25:
        plane = effects.noise(r, (height, width, 1)) * r.uniform(2, 16)
        picture = Image.fromarray(np.clip(np.asarray(picture) + plane, 0, 255).astype(np.uint8))
    if r.random() < 0.3:
        picture = effects.jpeg(picture, r.randint(25, 92))
    return np.asarray(picture), blur


def whole(
    page: Page, r: random.Random, size: tuple[int, int] = (TILE, TILE), squash: bool = True, with_words: bool = False
) -> View:
    """All of the page in one picture, squashed into it as the model's seeing input is, or with its own proportions."""
    w, h = page.canvas.size
    scale = (size[0] / w, size[1] / h)
    if not squash:
        scale = (min(scale),) * 2
    zoom = r.uniform(0.88, 1.02)
    angle = r.gauss(0, 3) if r.random() < 0.5 else 0.0
    tilt = 0.03 if r.random() < 0.4 else 0.0
    return view(
        page, r, size, (scale[0] * zoom, scale[1] * zoom), (w / 2, h / 2), angle, True, tilt, with_words=with_words
    )


def tile(page: Page, r: random.Random) -> View:
    """A part of the page at the scale of one of the engine's passes, a line of it (if it has any) inside."""
    w, h = page.canvas.size
    if page.canvas.lines:
        line = r.choice(page.canvas.lines)
        tall = max(3.0, float(np.hypot(*(line.corners[3] - line.corners[0]))))
        wanted = min(LARGEST, max(SMALLEST, np.exp(r.gauss(np.log(17), 0.55))))
        at, scale = line.corners[0] + (line.corners[2] - line.corners[0]) * r.random(), wanted / tall
        scale = min(max(scale, 0.7 * TILE / max(w, h)), 3.0)
    else:
        at, scale = np.array([r.uniform(0, w), r.uniform(0, h)]), r.uniform(0.5, 2)
    room = TILE * 0.4 / scale
    centre = [float(at[i]) + r.uniform(-room, room) for i in (0, 1)]
    for i, side in enumerate((w, h)):  # do not look far beyond the page
        half = TILE / scale / 2
        centre[i] = side / 2 if 2 * half >= side else min(max(centre[i], half * 0.8), side - half * 0.8)
    stretch = r.uniform(0.88, 1.14) if r.random() < 0.4 else 1.0
    tilt = r.uniform(0.01, 0.07) if r.random() < 0.35 else 0.0
    return view(page, r, (TILE, TILE), (scale * stretch, scale), (centre[0], centre[1]), _angle(r), False, tilt)


def tiles(seed: int, split: str, count: int = TILES_OF_A_PAGE, kind: str | None = None) -> list[View]:
    """Views of one page: about one in four of all of it, the others of parts."""
    made = page(seed, split, kind)
    r = random.Random(f"tiles {seed}")
    small = min(made.canvas.size) < 420
    return [whole(made, r) if r.random() < (0.5 if small else 0.17) else tile(made, r) for _ in range(count)]
