"""Several tasks in one process, a batch of each in turn."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class MixedTask:
    def __init__(self, parts: list[Any]) -> None:
        self.parts, self.turn = parts, 0
        self.name = "+".join(p.name for p in parts)
        self.epoch_samples = sum(p.epoch_samples for p in parts)

    def next_batch(self) -> tuple[int, Any]:
        index = self.turn
        self.turn = (self.turn + 1) % len(self.parts)
        return index, self.parts[index].next_batch()

    def size(self, batch: tuple[int, Any]) -> int:
        return self.parts[batch[0]].size(batch[1])

    def loss(self, model: nn.Module, batch: tuple[int, Any]) -> tuple[Tensor, dict[str, float]]:
        loss, values = self.parts[batch[0]].loss(model, batch[1])
        return loss, {f"{self.parts[batch[0]].name}_loss": float(loss.detach()), **values}

    @torch.no_grad()
    def evaluate(self, model: nn.Module) -> dict[str, float]:
        return {name: value for part in self.parts for name, value in part.evaluate(model).items()}

    def state(self) -> dict[str, Any]:
        return {"turn": self.turn, "parts": [p.state() for p in self.parts]}

    def load_state(self, state: dict[str, Any]) -> None:
        self.turn = state["turn"]
        for part, its in zip(self.parts, state["parts"], strict=True):
            part.load_state(its)

    def calibrate(self, model: nn.Module, recalibrate: Any) -> None:
        for part in self.parts:
            part.calibrate(model, recalibrate)
