"""What a model is asked in a test. Torch and the engine answer alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pocket.training.records import Box

Point = tuple[float, float]


@dataclass(frozen=True)
class FoundLine:
    text: str
    corners: list[Point]  # pixels, clockwise from the beginning of the writing's upper edge


class Answers(Protocol):
    """A model; what it cannot do raises NotImplementedError, and the test is left out."""

    name: str

    def captions(self, pictures: Sequence[np.ndarray]) -> list[str]: ...

    def ask(self, picture: np.ndarray, questions: Sequence[str]) -> list[str]: ...

    def find(self, picture: np.ndarray, query: str) -> list[Box]: ...

    def picture_vectors(self, pictures: Sequence[np.ndarray]) -> np.ndarray: ...

    def text_vectors(self, texts: Sequence[str]) -> np.ndarray: ...

    def read(self, picture: np.ndarray) -> list[FoundLine]: ...
