"""Scenes: where things stand, how big they are and what they are to each other; painted on a background."""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass, field

from PIL import Image

from pocket.data.sample import Box, SceneObject
from pocket.data.scenes.backgrounds import SIZE, Background, background
from pocket.data.scenes.drawings import drawn, library
from pocket.data.scenes.names import COLOUR_NAMES, CONTAINERS, SHAPES, SUPPORTS, names
from pocket.data.scenes.shapes import shape

OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
ASPECTS = (1.0, 1.0, 1.0, 0.6, 0.75, 0.85, 1.2, 1.33, 1.5, 1.7)
HELD_PAIRS = 10  # one in ten pairs of names stands together in tests only
BIG, SMALL = "big", "small"


@dataclass(frozen=True, slots=True)
class Thing:
    """What is to be drawn: a name, a colour where it is chosen, and the drawing (-1: a drawn shape)."""

    name: str
    colour: str = ""
    row: int = -1

    @property
    def noun(self) -> str:
        return f"{self.colour} {self.name}".strip()


@dataclass(slots=True)
class Placed:
    thing: Thing
    box: Box
    size: str = ""  # "big" or "small" where the picture shows it clearly

    @property
    def noun(self) -> str:
        return self.thing.noun

    @property
    def centre(self) -> tuple[float, float]:
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2

    def as_object(self) -> SceneObject:
        return SceneObject(self.thing.name, self.thing.colour, self.box)


@dataclass(slots=True)
class Plan:
    """A scene before it is put into words. `groups` lists indices of equal things, in order of mention."""

    kind: str
    background: Background
    placed: list[Placed] = field(default_factory=list)
    groups: list[list[int]] = field(default_factory=list)
    relations: list[tuple[int, str, int]] = field(default_factory=list)
    between: tuple[int, int, int] | None = None


def held_pair(a: str, b: str) -> bool:
    return zlib.crc32("|".join(sorted((a, b))).encode()) % HELD_PAIRS == 0


def choose(rng: random.Random, split: str, *, shapes: float = 0.18, colours: float = 0.55) -> Thing:
    """A thing: a coloured shape, or a drawing, in a colour of our choice where that looks right."""
    if rng.random() < shapes:
        return Thing(rng.choice(SHAPES), rng.choice(COLOUR_NAMES))
    name = rng.choice(library().things)
    row = rng.choice(library().rows(name.name, split))
    colour = rng.choice(COLOUR_NAMES) if name.recolourable and rng.random() < colours else ""
    return Thing(name.name, colour, row)


def several(rng: random.Random, split: str, count: int) -> list[Thing]:
    """Different things that may stand together in this split."""
    out: list[Thing] = []
    tries = 0
    while len(out) < count:
        tries += 1
        new = choose(rng, split)
        if any(new.name == old.name and not (new.colour and old.colour and new.colour != old.colour) for old in out):
            continue
        pairs = [held_pair(new.name, old.name) for old in out]
        if split == "train" and any(pairs):
            continue
        if split == "test" and count == 2 and out and not pairs[0] and tries < 40:
            continue
        out.append(new)
    return out


class Canvas:
    """The picture while things are put on it. `aspect` is that of the picture before it was squashed to a square."""

    def __init__(self, rng: random.Random, split: str, avoid: set[str], aspect: float | None = None) -> None:
        self.rng = rng
        self.picture, self.background = background(rng, split, avoid)
        self.aspect = rng.choice(ASPECTS) if aspect is None else aspect

    def paint(self, thing: Thing, side: float) -> Image.Image:
        """A thing as it will be seen; `side` is its longer side as a fraction of the (square) picture."""
        rng = self.rng
        pixels = side * SIZE
        size = (max(4, round(pixels * self.aspect**-0.5)), max(4, round(pixels * self.aspect**0.5)))
        entry = names()[thing.name]
        if thing.row < 0:
            picture = shape(thing.name, thing.colour)
            turn = thing.name not in ("arrow", "diamond", "square", "cross", *SUPPORTS, *CONTAINERS)
            if turn and rng.random() < 0.3:
                picture = picture.rotate(rng.uniform(-18, 18), Image.Resampling.BILINEAR, expand=True)
            picture = picture.crop(picture.getchannel("A").getbbox())
            scale = max(picture.size)
            width, height = (max(3, round(size[i] * picture.size[i] / scale)) for i in (0, 1))
            return picture.resize((width, height), Image.Resampling.BILINEAR)
        angle = rng.uniform(-22, 22) if rng.random() < 0.25 else 0.0
        flip = entry.mirrors and rng.random() < 0.5
        return drawn(thing.row, thing.colour, size, flip, angle, rng)

    def put(self, sprite: Image.Image, x: float, y: float) -> Box:
        """Paste centred at a fraction of the picture, moved inwards where it would stick out; the box it covers."""
        left = min(max(round(x * SIZE - sprite.width / 2), 0), max(0, SIZE - sprite.width))
        top = min(max(round(y * SIZE - sprite.height / 2), 0), max(0, SIZE - sprite.height))
        self.picture.paste(sprite, (left, top), sprite)
        right, bottom = min(SIZE, left + sprite.width), min(SIZE, top + sprite.height)
        return left / SIZE, top / SIZE, right / SIZE, bottom / SIZE


def overlap(a: Box, b: Box) -> float:
    """Common area as a part of the smaller box."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / max(1e-9, min((q[2] - q[0]) * (q[3] - q[1]) for q in (a, b)))


def relation(a: Box, b: Box) -> str:
    """What `a` clearly is to `b` in the picture: "left of", "above" …, or nothing."""
    dx, dy = (a[0] + a[2] - b[0] - b[2]) / 2, (a[1] + a[3] - b[1] - b[3]) / 2
    if abs(dx) > 1.6 * abs(dy) and (a[2] <= b[0] + 0.03 or b[2] <= a[0] + 0.03):
        return "left of" if dx < 0 else "right of"
    if abs(dy) > 1.6 * abs(dx) and (a[3] <= b[1] + 0.03 or b[3] <= a[1] + 0.03):
        return "above" if dy < 0 else "below"
    return ""


def scatter(canvas: Canvas, things: list[Thing], sides: list[float], allowed: float) -> list[Box]:
    """Put things at free places; they shrink a little each time no place is found."""
    rng = canvas.rng
    boxes: list[Box] = []
    for thing, wish in zip(things, sides, strict=True):
        sprite, side, tries = canvas.paint(thing, wish), wish, 0
        while True:
            tries += 1
            w, h = sprite.width / SIZE, sprite.height / SIZE
            x, y = rng.uniform(w / 2, max(w / 2, 1 - w / 2)), rng.uniform(h / 2, max(h / 2, 1 - h / 2))
            box = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
            if all(overlap(box, old) <= allowed for old in boxes):
                boxes.append(canvas.put(sprite, x, y))
                break
            if tries % 12 == 0:
                side *= 0.85
                sprite = canvas.paint(thing, side)
    return boxes


def colours_of(things: list[Thing]) -> set[str]:
    return {t.colour for t in things if t.colour}


def empty(rng: random.Random, split: str) -> tuple[Canvas, Plan]:
    canvas = Canvas(rng, split, set())
    return canvas, Plan("empty", canvas.background)


def single(rng: random.Random, split: str) -> tuple[Canvas, Plan]:
    thing = choose(rng, split)
    canvas = Canvas(rng, split, colours_of([thing]))
    word = rng.choice(["", "", "", BIG, SMALL])
    side = {BIG: (0.68, 0.9), SMALL: (0.13, 0.22), "": (0.3, 0.56)}[word]
    box = scatter(canvas, [thing], [rng.uniform(*side)], 0)[0]
    return canvas, Plan("single", canvas.background, [Placed(thing, box, word)], [[0]])


def group(rng: random.Random, split: str) -> tuple[Canvas, Plan]:
    """Several of one thing, each in its own drawing or all alike; sometimes with one or more of another thing."""
    things = several(rng, split, 2 if rng.random() < 0.4 else 1)
    first = rng.randint(2, 6 if len(things) == 1 else 4)
    counts = [first, rng.randint(1, 6 - first)] if len(things) == 2 else [first]
    canvas = Canvas(rng, split, colours_of(things))
    alike = rng.random() < 0.6
    each: list[Thing] = []
    for thing, count in zip(things, counts, strict=True):
        rows = library().rows(thing.name, split) if thing.row >= 0 else [-1]
        each += [Thing(thing.name, thing.colour, thing.row if alike else rng.choice(rows)) for _ in range(count)]
    side = rng.uniform(0.19, 0.3) if len(each) > 3 else rng.uniform(0.22, 0.36)
    boxes = scatter(canvas, each, [side * rng.uniform(0.85, 1.15) for _ in each], 0.02)
    plan = Plan("group", canvas.background, [Placed(t, b) for t, b in zip(each, boxes, strict=True)])
    plan.groups = [list(range(counts[0]))]
    if len(things) == 2:
        plan.groups.append(list(range(counts[0], len(each))))
    return canvas, plan


def pair(rng: random.Random, split: str) -> tuple[Canvas, Plan]:
    """Two things side by side or one above the other, sometimes one big and one small."""
    things = several(rng, split, 2)
    canvas = Canvas(rng, split, colours_of(things))
    sizes = rng.choice([("", ""), ("", ""), (BIG, SMALL), (SMALL, BIG)])
    ranges = {BIG: (0.4, 0.5), SMALL: (0.14, 0.2), "": (0.26, 0.4)}
    sprites = [canvas.paint(t, rng.uniform(*ranges[s])) for t, s in zip(things, sizes, strict=True)]
    word = rng.choice(list(OPPOSITE))
    flat = word in ("left of", "right of")
    near, far = rng.uniform(0.18, 0.28), rng.uniform(0.72, 0.82)
    across = rng.uniform(0.3, 0.7)
    firsts = (near, far) if word in ("left of", "above") else (far, near)
    boxes = []
    for sprite, along in zip(sprites, firsts, strict=True):
        side = across + rng.uniform(-0.07, 0.07)
        boxes.append(canvas.put(sprite, *((along, side) if flat else (side, along))))
    plan = Plan("pair", canvas.background, [Placed(t, b, s) for t, b, s in zip(things, boxes, sizes, strict=True)])
    plan.groups = [[0], [1]]
    # What is said is what is seen: near the edge a thing may have been moved.
    seen = relation(boxes[0], boxes[1])
    if seen:
        plan.relations = [(0, seen, 1)]
    return canvas, plan


def stacked(rng: random.Random, split: str) -> tuple[Canvas, Plan]:
    """A thing on a table, shelf, bench or podium."""
    thing = choose(rng, split)
    support = Thing(rng.choice(SUPPORTS), rng.choice([c for c in COLOUR_NAMES if c != thing.colour]))
    canvas = Canvas(rng, split, colours_of([thing, support]))
    sides = [rng.uniform(0.42, 0.62), rng.uniform(0.26, 0.4)]
    base, top = canvas.paint(support, sides[0]), canvas.paint(thing, sides[1])
    high = (base.height + top.height) / SIZE
    if high > 0.94:
        base, top = (canvas.paint(t, s * 0.94 / high) for t, s in zip((support, thing), sides, strict=True))
    y = rng.uniform(0.56, 0.66)
    x = rng.uniform(0.34, 0.66)
    below = canvas.put(base, x, y + base.height / SIZE / 2)
    shift = rng.uniform(-0.2, 0.2) * base.width / SIZE
    centre = min(max((below[0] + below[2]) / 2 + shift, top.width / SIZE / 2), 1 - top.width / SIZE / 2)
    above = canvas.put(top, centre, below[1] + 0.012 - top.height / SIZE / 2)
    plan = Plan("on", canvas.background, [Placed(thing, above), Placed(support, below)], [[0], [1]])
    plan.relations = [(0, "on", 1)]
    return canvas, plan


def inside(rng: random.Random, split: str) -> tuple[Canvas, Plan]:
    """A thing in a frame, box, hoop or cage."""
    thing = choose(rng, split)
    holder = Thing(rng.choice(CONTAINERS), rng.choice([c for c in COLOUR_NAMES if c != thing.colour]))
    canvas = Canvas(rng, split, colours_of([thing, holder]))
    side = rng.uniform(0.5, 0.72)
    outer, inner = canvas.paint(holder, side), canvas.paint(thing, side * rng.uniform(0.5, 0.62))
    x, y = rng.uniform(0.4, 0.6), rng.uniform(0.4, 0.6)
    first, second = (inner, outer) if holder.name == "cage" else (outer, inner)
    boxes = [canvas.put(first, x, y), canvas.put(second, x, y)]
    if holder.name == "cage":
        boxes.reverse()
    plan = Plan("inside", canvas.background, [Placed(thing, boxes[1]), Placed(holder, boxes[0])], [[0], [1]])
    plan.relations = [(0, "inside", 1)]
    return canvas, plan


def between(rng: random.Random, split: str) -> tuple[Canvas, Plan]:
    """Three things in a row."""
    things = several(rng, split, 3)
    canvas = Canvas(rng, split, colours_of(things))
    flat = rng.random() < 0.7
    across = rng.uniform(0.3, 0.7)
    boxes = []
    for thing, along in zip(things, (0.16, 0.5, 0.84), strict=True):
        side = across + rng.uniform(-0.04, 0.04)
        boxes.append(
            canvas.put(canvas.paint(thing, rng.uniform(0.2, 0.28)), *((along, side) if flat else (side, along)))
        )
    plan = Plan("between", canvas.background, [Placed(t, b) for t, b in zip(things, boxes, strict=True)])
    plan.groups, plan.between = [[1], [0], [2]], (1, 0, 2)
    return canvas, plan


def many(rng: random.Random, split: str) -> tuple[Canvas, Plan]:
    """Three to six different things anywhere; they may cover each other a little."""
    things = several(rng, split, rng.choice([3, 3, 4, 4, 5, 6]))
    canvas = Canvas(rng, split, colours_of(things))
    side = 0.36 - 0.025 * len(things)
    boxes = scatter(canvas, things, [side * rng.uniform(0.75, 1.25) for _ in things], 0.12 if rng.random() < 0.3 else 0)
    plan = Plan("many", canvas.background, [Placed(t, b) for t, b in zip(things, boxes, strict=True)])
    plan.groups = [[i] for i in range(len(things))]
    return canvas, plan


KINDS = {
    empty: 0.04,
    single: 0.27,
    group: 0.2,
    pair: 0.22,
    stacked: 0.07,
    inside: 0.06,
    between: 0.05,
    many: 0.09,
}


def compose(rng: random.Random, split: str, kind: str = "") -> tuple[Image.Image, Plan]:
    """A painted scene and its plan; `kind` asks for one kind of scene by its function's name."""
    build = rng.choices(list(KINDS), list(KINDS.values()))[0]
    if kind:
        build = next(k for k in KINDS if k.__name__ == kind)
    canvas, plan = build(rng, split)
    return canvas.picture, plan
