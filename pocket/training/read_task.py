"""Training of the strip reader: CTC on strips from shards, each drawn a little differently every time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pocket.model.config import PocketConfig
from pocket.model.pocket_model import PocketModel
from pocket.training.ctc import Alphabet, edit_distance

Batch = tuple[np.ndarray, list[str]]


class Strips(Protocol):
    """Where batches come from: about so many columns of pixels, all strips of one width."""

    def strips(self, columns: int) -> Batch: ...


def augment(x: Tensor) -> Tensor:
    """Contrast, inversion, brightness, noise, a shift by up to two pixels; (n, height, width) bytes to -1 ... 1."""
    n = x.shape[0]
    device = x.device
    x = x.float().div_(127.5).sub_(1).unsqueeze(1)
    sign = torch.where(torch.rand(n, 1, 1, 1, device=device) < 0.3, -1.0, 1.0)
    x = x * ((torch.rand(n, 1, 1, 1, device=device) * 0.5 + 0.7) * sign)
    x = x + (torch.rand(n, 1, 1, 1, device=device) - 0.5) * 0.4
    if random.random() < 0.5:
        x = x + torch.randn_like(x) * (torch.rand(n, 1, 1, 1, device=device) * 0.12)
    down, right = random.randint(0, 4), random.randint(0, 4)
    height, width = x.shape[-2:]
    x = F.pad(x, (2, 2, 2, 2), mode="replicate")[:, :, down : down + height, right : right + width]
    return x.clamp(-1, 1)


class ReadTask:
    name = "read"
    epoch_samples = 100_000  # strips are made without end

    def __init__(
        self, config: PocketConfig, train: Strips, held: Iterable[Batch], columns: int, device: torch.device
    ) -> None:
        self.alphabet = Alphabet(config.reader.characters)
        self.train, self.held, self.columns, self.device = train, held, columns, device

    def next_batch(self) -> Batch:
        return self.train.strips(self.columns)

    def size(self, batch: Batch) -> int:
        return len(batch[1])

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        assert isinstance(model, PocketModel)
        strips, texts = batch
        x = augment(torch.from_numpy(np.ascontiguousarray(strips)).to(self.device))
        logits = model.reader(x.contiguous(memory_format=torch.channels_last))
        return ctc_loss(logits, texts, self.alphabet), {}

    @torch.no_grad()
    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Exact strips, and wrong characters by edit distance, on held-out fonts and words."""
        assert isinstance(model, PocketModel)
        exact = count = errors = characters = 0
        for strips, texts in self.held:
            x = torch.from_numpy(np.ascontiguousarray(strips)).to(self.device).float().div(127.5).sub(1).unsqueeze(1)
            read = self.alphabet.greedy(model.reader(x.contiguous(memory_format=torch.channels_last)).float())
            for got, text in zip(read, texts, strict=True):
                want = "".join(c for c in text if c in self.alphabet.classes)
                exact += got == want
                errors += edit_distance(got, want)
                characters += len(want)
                count += 1
        return {"exact": exact / max(1, count), "cer": errors / max(1, characters)}

    def calibrate(self, model: nn.Module, recalibrate: Callable[[nn.Module, list[tuple[Tensor, ...]]], None]) -> None:
        """Statistics for norms that a file had folded."""
        assert isinstance(model, PocketModel)
        batches = []
        for _ in range(8):
            strips, _ = self.next_batch()
            batches.append((augment(torch.from_numpy(np.ascontiguousarray(strips)).to(self.device)),))
        recalibrate(model.reader, batches)

    def state(self) -> dict[str, Any]:
        state = getattr(self.train, "state", None)
        return {"train": state()} if state else {}

    def load_state(self, state: dict[str, Any]) -> None:
        if "train" in state and hasattr(self.train, "load_state"):
            self.train.load_state(state["train"])


def ctc_loss(logits: Tensor, texts: list[str], alphabet: Alphabet) -> Tensor:
    """Always in float32. A text that no path through the columns can spell counts nothing."""
    targets, lengths = alphabet.targets(texts)
    log_probabilities = F.log_softmax(logits.float(), -1).transpose(0, 1)
    columns = torch.full((len(texts),), log_probabilities.shape[0])
    return F.ctc_loss(log_probabilities, targets.to(logits.device), columns, lengths, zero_infinity=True)
