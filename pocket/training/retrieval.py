"""SigLIP's loss (Zhai et al. 2023): every pair of a picture and a text is a match or is not."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


class Memory:
    """Vectors of the last few batches, as further pairs that do not match: small batches know few mistakes."""

    def __init__(self, size: int = 256) -> None:
        self.size = size
        self.pictures: Tensor | None = None
        self.texts: Tensor | None = None
        self.strings: list[str] = []

    def add(self, pictures: Tensor, texts: Tensor, strings: list[str]) -> None:
        pictures, texts = pictures.detach().float(), texts.detach().float()
        if self.pictures is not None and self.texts is not None:
            pictures, texts = torch.cat([self.pictures, pictures]), torch.cat([self.texts, texts])
        self.pictures, self.texts = pictures[-self.size :], texts[-self.size :]
        self.strings = [*self.strings, *strings][-self.size :]

    def state(self) -> dict[str, Any]:
        return {"pictures": self.pictures, "texts": self.texts, "strings": self.strings}

    def load_state(self, state: dict[str, Any], device: torch.device) -> None:
        self.strings = list(state["strings"])
        self.pictures, self.texts = (None if state[k] is None else state[k].to(device) for k in ("pictures", "texts"))


def siglip_loss(
    pictures: Tensor, texts: Tensor, strings: list[str], scale: Tensor, bias: Tensor, memory: Memory | None = None
) -> Tensor:
    """Pairs of equal texts are no mistakes: only the picture's own counts as a match, the others not at all."""
    pictures, texts = pictures.float(), texts.float()
    all_pictures, all_texts, all_strings = pictures, texts, strings
    if memory is not None and memory.pictures is not None and memory.texts is not None:
        all_pictures = torch.cat([pictures, memory.pictures])
        all_texts = torch.cat([texts, memory.texts])
        all_strings = [*strings, *memory.strings]
    n = len(strings)
    equal = torch.tensor([[a == b for b in all_strings] for a in strings], device=pictures.device)
    own = torch.eye(n, len(all_strings), device=pictures.device, dtype=torch.bool)
    weight = (own | ~equal).float()
    sign = own.float() * 2 - 1

    def half(some: Tensor, others: Tensor) -> Tensor:
        logits = some @ others.T * scale.exp() + bias
        return -(F.logsigmoid(logits * sign) * weight).sum(1).mean()

    # Both directions hold the batch's own pairs; the memory's vectors pass no gradient.
    return (half(pictures, all_texts) + half(texts, all_pictures)) / 2


def recall_at(similarity: Tensor, k: int) -> float:
    """Share of rows whose own column is among the k best."""
    best = similarity.topk(min(k, similarity.shape[1]), 1).indices
    own = torch.arange(len(similarity), device=similarity.device)[:, None]
    return float((best == own).any(1).float().mean())
