"""Fake quantization: weights take the values that the file can hold, gradients pass as if they did not.

2 bits: groups of 32 input channels within one tap, w = scale * (code - 1.5), the scale learned (LSQ, Esser 2020).
8 bits: blocks of 32 along the file's row as in GGML's Q8_0, the scale from the largest value.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pocket.model.blocks import DepthwiseConv1d, has_quantizer
from pocket.quantize.rules import GROUP, bits_of

SMALLEST_SCALE = 1e-6


def grouped(weight: Tensor) -> Tensor:
    """(out, groups, 32, taps) of a convolution (out, in, h, w) or a linear (out, in)."""
    return weight.reshape(weight.shape[0], weight.shape[1] // GROUP, GROUP, -1)


def best_scales(weight: Tensor) -> Tensor:
    """The scale (out, groups, 1, taps) of the least squared error, among 24 multiples of the mean magnitude."""
    groups = grouped(weight.detach().float())
    mean = groups.abs().mean(2, keepdim=True).clamp_min(SMALLEST_SCALE)
    best, least = mean.clone(), torch.full_like(mean, torch.inf)
    for k in range(24):
        scale = mean * (0.6 + 0.05 * k)
        error = (levels(groups / scale) * scale - groups).square().sum(2, keepdim=True)
        better = error < least
        best, least = torch.where(better, scale, best), torch.where(better, error, least)
    return best


def levels(units: Tensor) -> Tensor:
    """The nearest of -1.5, -0.5, 0.5, 1.5."""
    return units.clamp(-1.999, 1.999).floor() + 0.5


class TwoBits(nn.Module):
    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.scale = nn.Parameter(best_scales(weight).to(weight.dtype))

    def positive_scale(self) -> Tensor:
        return self.scale.abs().clamp_min(SMALLEST_SCALE)

    def forward(self, weight: Tensor) -> Tensor:
        groups = grouped(weight)
        scale = self.positive_scale()
        # A group has 32 weights that all push its scale: LSQ divides that gradient by sqrt(32).
        damped = scale * GROUP**-0.5
        scale = damped + (scale - damped).detach()
        units = (groups / scale).clamp(-1.999, 1.999)
        units = units + (units.floor() + 0.5 - units).detach()
        return (units * scale).view_as(weight)

    def extra_repr(self) -> str:
        return "2 bits"


class EightBits(nn.Module):
    """Blocks of 32 along (taps, inputs), a row where that does not divide it."""

    def forward(self, weight: Tensor) -> Tensor:
        row = file_rows(weight.detach())
        if row.shape[1] % GROUP == 0:
            blocks = row.reshape(-1, GROUP)
            scale = (blocks.abs().amax(1, keepdim=True) / 127).clamp_min(1e-12)
            value = ((blocks / scale).round() * scale).view_as(row)
        else:
            value = row.half().float()
        return weight + (from_file_rows(value, weight.shape) - weight).detach()

    def extra_repr(self) -> str:
        return "8 bits"


def file_rows(weight: Tensor) -> Tensor:
    """As the file has it: (out, taps * in), a row going through the taps, and through the inputs within a tap."""
    if weight.ndim == 4:
        weight = weight.permute(0, 2, 3, 1)
    return weight.reshape(weight.shape[0], -1)


def from_file_rows(rows: Tensor, shape: torch.Size | tuple[int, ...]) -> Tensor:
    if len(shape) == 4:
        out, inputs, height, width = shape
        return rows.reshape(out, height, width, inputs).permute(0, 3, 1, 2)
    return rows.reshape(shape)


def switch_on(model: nn.Module) -> list[str]:
    """Gives every layer its quantizer; those that have one keep it. Returns the names of the layers at 2 bits."""
    two = []
    for name, module in model.named_modules():
        if not has_quantizer(module):
            continue
        depthwise = isinstance(module, DepthwiseConv1d)
        layer = name.removesuffix(".conv")
        bits = bits_of(layer, module.weight.shape[1], depthwise)
        if module.quantizer is None:
            module.quantizer = TwoBits(module.weight) if bits == 2 else EightBits()
        if bits == 2:
            two.append(name)
    return two


def switch_off(model: nn.Module) -> None:
    for module in model.modules():
        if has_quantizer(module):
            module.quantizer = None


def is_on(model: nn.Module) -> bool:
    return any(has_quantizer(m) and m.quantizer is not None for m in model.modules())


def state_has_quantizers(state: dict[str, Tensor]) -> bool:
    return any(name.endswith(".quantizer.scale") for name in state)
