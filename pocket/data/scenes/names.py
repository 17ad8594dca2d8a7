"""The vocabulary of things that scenes are made of, read from names.tsv, and a little English grammar."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).with_name("names.tsv")

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (214, 40, 40),
    "green": (46, 160, 67),
    "blue": (36, 96, 214),
    "yellow": (245, 208, 40),
    "orange": (244, 130, 30),
    "purple": (130, 60, 180),
    "pink": (244, 140, 190),
    "brown": (120, 76, 40),
    "black": (24, 24, 24),
    "white": (248, 248, 248),
    "grey": (140, 140, 140),
}
COLOUR_NAMES = tuple(COLOURS)
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six")
SHAPES = ("circle", "square", "triangle", "star", "heart", "ring", "cross", "diamond", "hexagon", "arrow")
# Drawn things that others stand on or lie in.
SUPPORTS = ("table", "shelf", "bench", "podium")
CONTAINERS = ("frame", "box", "hoop", "cage")
KINDS = {
    "animal": "an animal",
    "plant": "a plant",
    "fruit": "a fruit",
    "vegetable": "a vegetable",
    "vehicle": "a vehicle",
    "building": "a building",
    "shape": "a shape",
    "tool": "a tool",
    "clothes": "something to wear",
    "music": "something that makes music",
}


@dataclass(frozen=True, slots=True)
class Name:
    """One thing with a name: how it is written, what kind it is, how it may be drawn."""

    name: str
    emoji: tuple[str, ...]
    kind: str
    recolourable: bool
    mirrors: bool
    synonyms: tuple[str, ...]
    plural: str


def article(noun: str) -> str:
    """`noun` with its indefinite article: "an apple", "a unicorn"."""
    vowel = noun[:1] in "aeio" or (noun[:1] == "u" and not re.match(r"uni|use|ufo", noun)) or noun.startswith("hour")
    return ("an " if vowel else "a ") + noun


def regular_plural(noun: str) -> str:
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def _emoji(text: str) -> tuple[str, ...]:
    return tuple(c for c in text if c != "\ufe0f")


def _row(line: str) -> Name:
    fields = line.rstrip("\n").split("\t")
    name, emoji, kind, marks, synonyms, plural = fields + [""] * (6 - len(fields))
    return Name(
        name=name,
        emoji=_emoji(emoji),
        kind=kind,
        recolourable="r" in marks,
        mirrors="m" not in marks,
        synonyms=tuple(s for s in synonyms.split(";") if s),
        plural=plural or regular_plural(name),
    )


@functools.cache
def names() -> dict[str, Name]:
    """Every thing of names.tsv, then the drawn shapes, supports and containers, by name."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    table = {row.name: row for row in map(_row, (line for line in lines if line and line[0] != "#"))}
    for kind, group in (("shape", SHAPES), ("support", SUPPORTS), ("container", CONTAINERS)):
        for name in group:
            table[name] = Name(name, (), kind, True, True, (), regular_plural(name))
    return table


@functools.cache
def name_ids() -> dict[str, int]:
    """Class numbers for per-cell labels; 0 is "nothing"."""
    return {name: i + 1 for i, name in enumerate(names())}


@functools.cache
def colour_ids() -> dict[str, int]:
    """Class numbers of colours for per-cell labels; 0 is "unknown"."""
    return {name: i + 1 for i, name in enumerate(COLOUR_NAMES)}


def plural(noun: str) -> str:
    """The plural of a thing's name."""
    found = names().get(noun)
    return found.plural if found else regular_plural(noun)
