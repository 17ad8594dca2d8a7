"""What is known of a training picture, from any dataset. What is absent is not trained."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np

from pocket.training.line_targets import Line

Box = tuple[float, float, float, float]  # fractions of width and height


@dataclass
class Record:
    captions: list[str] = field(default_factory=list)
    questions: list[tuple[str, str, str]] = field(default_factory=list)  # type, question, answer
    finds: list[tuple[str, list[Box]]] = field(default_factory=list)
    objects: list[tuple[str, str, Box]] = field(default_factory=list)  # name, colour or "", box
    lines: list[Line] | None = None  # None: not known whether there is writing
    ignored: list[Line] = field(default_factory=list)
    kind: str = ""
    distinct: bool = True  # whether its first caption tells it from other pictures: for retrieval

    @staticmethod
    def parse(text: str) -> Record:
        """Of a shard's line of JSON."""
        d = json.loads(text)
        return Record(
            captions=list(d.get("captions", ())),
            questions=[(t, q, a) for t, q, a in d.get("questions", ())],
            finds=[(q, [tuple(b) for b in boxes]) for q, boxes in d.get("finds", ())],
            objects=[(n, c, tuple(b)) for n, c, b in d.get("objects", ())],
            lines=[tuple(line) for line in d["lines"]] if "lines" in d else None,
            ignored=[tuple(line) for line in d.get("ignore", ())],
            kind=d.get("kind", ""),
            distinct=bool(d.get("distinct", True)),
        )


@dataclass
class Pictures:
    """Pictures of a batch (n, size, size, 3) as bytes, and what is known of each."""

    x: np.ndarray
    records: list[Record]

    def __len__(self) -> int:
        return len(self.records)
