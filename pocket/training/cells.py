"""Names and colours for the cells of the last two maps: a loss for training alone, on what made pictures know."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pocket.training.records import Record

NOTHING_WEIGHT = 0.03  # of cells without a thing, or they would be all that is learned
UNKNOWN = -100  # no loss


@dataclass
class CellClasses:
    """Numbers of names and colours; 0 is nothing. Kept in the checkpoint, for the data's list may grow."""

    names: list[str]
    colours: list[str]

    def __post_init__(self) -> None:
        self.name_of = {n: i + 1 for i, n in enumerate(self.names)}
        self.colour_of = {c: i + 1 for i, c in enumerate(self.colours)}

    @property
    def count(self) -> int:
        return len(self.names) + len(self.colours) + 2

    def targets(self, records: list[Record], side: int) -> tuple[Tensor, Tensor]:
        """(batch, side * side) names and colours: at each thing's centre, and on a fine map in its middle."""
        names = np.zeros((len(records), side, side), np.int64)
        colours = np.full((len(records), side, side), UNKNOWN, np.int64)
        for b, record in enumerate(records):
            for name, colour, (left, top, right, bottom) in record.objects:
                x, y = (left + right) / 2, (top + bottom) / 2
                half_width, half_height = (right - left) / 4, (bottom - top) / 4
                column, row = (min(side - 1, max(0, int(v * side))) for v in (x, y))
                columns = slice(min(column, _first(x - half_width, side)), max(column, _last(x + half_width, side)) + 1)
                rows = slice(min(row, _first(y - half_height, side)), max(row, _last(y + half_height, side)) + 1)
                names[b, rows, columns] = self.name_of.get(name, UNKNOWN)
                colours[b, rows, columns] = self.colour_of.get(colour, UNKNOWN) if colour else UNKNOWN
        return torch.from_numpy(names).flatten(1), torch.from_numpy(colours).flatten(1)

    def loss(self, scores: Tensor, records: list[Record]) -> Tensor:
        """Of one map's scores (batch, cells, classes)."""
        side = int(scores.shape[1] ** 0.5)
        names, colours = (t.to(scores.device) for t in self.targets(records, side))
        split = len(self.names) + 1
        weight = torch.where(names > 0, 1.0, NOTHING_WEIGHT) * (names != UNKNOWN)
        scores = scores.float()
        by_name = F.cross_entropy(
            scores[..., :split].flatten(0, 1), names.flatten(), reduction="none", ignore_index=UNKNOWN
        )
        loss = (by_name * weight.flatten()).sum() / weight.sum().clamp_min(1)
        if bool((colours > 0).any()):
            loss = loss + F.cross_entropy(scores[..., split:].flatten(0, 1), colours.flatten(), ignore_index=UNKNOWN)
        return loss

    def accuracy(self, scores: Tensor, records: list[Record]) -> tuple[int, int]:
        """Of names at cells with a thing: right, and all."""
        names, _ = self.targets(records, int(scores.shape[1] ** 0.5))
        names = names.to(scores.device)
        best = scores[..., : len(self.names) + 1].argmax(-1)
        return int(((best == names) & (names > 0)).sum()), int((names > 0).sum())


def _first(value: float, side: int) -> int:
    """The first cell whose middle is at or after this fraction."""
    return min(side - 1, max(0, int(np.ceil(value * side - 0.5))))


def _last(value: float, side: int) -> int:
    return min(side - 1, max(0, int(np.floor(value * side - 0.5))))
