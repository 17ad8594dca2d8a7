"""What every generator and reader hands to training: a picture with its texts, boxes and objects."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

Box = tuple[float, float, float, float]  # left, top, right, bottom as fractions of width and height


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its short answer; `type` is what the answers are balanced and scored by."""

    type: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Find:
    """A thing to be found and all its boxes in reading order; none where the picture does not show it."""

    query: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class SceneObject:
    """One visible thing: its name, its colour where that is certain, and where it is."""

    name: str
    colour: str
    box: Box

    @property
    def centre(self) -> tuple[float, float]:
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2

    @property
    def noun(self) -> str:
        return f"{self.colour} {self.name}".strip()


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of a picture, for scoring captions: names, (name, attribute) and (name, relation, name)."""

    objects: tuple[str, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    relations: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TextRegion:
    """A word or line of text and its corners, clockwise from the text's own upper left."""

    text: str
    corners: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """A 224x224 picture with everything that training and tests ask of it. captions[0] is the fullest."""

    picture: np.ndarray
    captions: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    finds: tuple[Find, ...] = ()
    objects: tuple[SceneObject, ...] = ()
    truth: Truth = field(default_factory=Truth)
    texts: tuple[TextRegion, ...] = ()
