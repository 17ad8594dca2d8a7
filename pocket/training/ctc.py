"""Texts as CTC's classes and back, and how far two texts are apart."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Alphabet:
    """Class 0 is the blank, class i the i-th character."""

    def __init__(self, characters: Sequence[str]) -> None:
        self.characters = list(characters)
        self.classes = {c: i + 1 for i, c in enumerate(self.characters)}

    def encode(self, text: str) -> list[int]:
        """Unknown characters are left out."""
        return [self.classes[c] for c in text if c in self.classes]

    def targets(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        ids = [self.encode(t) for t in texts]
        return torch.tensor([i for t in ids for i in t], dtype=torch.long), torch.tensor([len(t) for t in ids])

    def greedy(self, logits: Tensor) -> list[str]:
        """The best class of each column, repetitions and blanks left out."""
        texts = []
        for row in logits.argmax(-1).tolist():
            kept = [c for c, before in zip(row, [0, *row], strict=False) if c and c != before]
            texts.append("".join(self.characters[c - 1] for c in kept))
        return texts


def edit_distance(a: str, b: str) -> int:
    """Insertions, deletions and substitutions between two texts."""
    row = list(range(len(b) + 1))
    for i, ca in enumerate(a, 1):
        above, row[0] = row[0], i
        for j, cb in enumerate(b, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (ca != cb))
    return row[-1]
