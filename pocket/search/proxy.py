"""How well an encoder learns: its loss on names and colours in cells after a few thousand pictures."""

from __future__ import annotations

import torch
from torch import nn

from pocket.model.config import PocketConfig
from pocket.model.encoder import Encoder
from pocket.model.pocket_model import CellHeads
from pocket.training.cells import CellClasses
from pocket.training.see_task import PictureSource, jitter, resize, to_input


class Proxy:
    """Candidates see the same pictures in the same order, smaller than the model's."""

    def __init__(
        self,
        source: PictureSource,
        classes: CellClasses,
        batch_size: int,
        see_size: int,
        seed: int,
        learning_rate: float = 1e-3,
    ) -> None:
        self.classes, self.batch_size, self.see_size, self.seed = classes, batch_size, see_size, seed
        self.learning_rate = learning_rate
        self.source = source
        self.kept: list = []

    def _batch(self, index: int) -> tuple:
        """Kept, so that every candidate gets it."""
        while len(self.kept) <= index:
            pictures = self.source.pictures(self.batch_size)
            self.kept.append((pictures.x, [r for r in pictures.records]))
        return self.kept[index]

    def losses(self, config: PocketConfig, steps: list[int]):  # noqa: ANN201 - a generator
        """Trains, and yields the mean loss of the last tenth at each of these numbers of steps; the caller may stop."""
        torch.manual_seed(self.seed)
        model = nn.ModuleDict({"encoder": Encoder(config), "cells": CellHeads(config, self.classes.count)})
        model.to(memory_format=torch.channels_last).train()
        optimizer = torch.optim.AdamW(model.parameters(), self.learning_rate, betas=(0.9, 0.98), weight_decay=0.02)
        recent: list[float] = []
        for step in range(steps[-1]):
            for group in optimizer.param_groups:
                group["lr"] = self.learning_rate * min(1, (step + 1) / 50) * max(0.02, 1 - step / steps[-1])
            x, records = self._batch(step)
            encoder = model["encoder"]
            maps = encoder.see(encoder.trunk(resize(jitter(to_input(x, torch.device("cpu"))), self.see_size)))
            loss = sum(self.classes.loss(s, records) for s in model["cells"](maps)) / 2
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            recent = [*recent, loss.item()][-max(1, steps[-1] // 10) :]
            if step + 1 in steps:
                yield sum(recent) / len(recent)
