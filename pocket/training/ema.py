"""A running average of the weights: what is evaluated and exported."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Ema:
    """Early on the average is shorter, or it would remember the random beginning for 2,000 steps."""

    def __init__(self, model: nn.Module, decay: float = 0.9995) -> None:
        self.decay, self.steps = decay, 0
        self.state = {name: t.detach().clone() for name, t in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        self.steps += 1
        weight = 1 - min(self.decay, (1 + self.steps) / (10 + self.steps))
        averages: list[Tensor] = []
        values: list[Tensor] = []
        for name, value in model.state_dict().items():
            average = self.state.get(name)
            if average is None or average.shape != value.shape:
                self.state[name] = value.detach().clone()  # a quantizer that has just been switched on
            elif value.is_floating_point():
                averages.append(average)
                values.append(value.detach())
            else:
                average.copy_(value)
        torch._foreach_lerp_(averages, values, weight)

    def copy_to(self, model: nn.Module) -> None:
        model.load_state_dict(self.state)


class Averaged:
    """Within this, the model holds the averaged weights and is in evaluation mode."""

    def __init__(self, model: nn.Module, ema: Ema) -> None:
        self.model, self.ema = model, ema

    def __enter__(self) -> nn.Module:
        self.kept = {name: t.detach().clone() for name, t in self.model.state_dict().items()}
        self.ema.copy_to(self.model)
        return self.model.eval()

    def __exit__(self, *_: object) -> None:
        self.model.load_state_dict(self.kept)
        self.model.train()
