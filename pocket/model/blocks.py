"""Layers that the parts share. Convolutions and linears carry an optional quantizer, which training switches on."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Linear(nn.Linear):
    """A linear layer whose weight may pass through a fake quantizer."""

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__(inputs, outputs, bias)
        self.quantizer: nn.Module | None = None

    def effective_weight(self) -> Tensor:
        return self.weight if self.quantizer is None else self.quantizer(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.effective_weight(), self.bias)


class Conv(nn.Conv2d):
    """A convolution whose weight may pass through a fake quantizer."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, int] = 1,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        bias: bool = True,
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, padding, bias=bias)
        self.quantizer: nn.Module | None = None

    def effective_weight(self) -> Tensor:
        return self.weight if self.quantizer is None else self.quantizer(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.effective_weight(), self.bias, self.stride, self.padding)


class DepthwiseConv1d(nn.Conv1d):
    """Along the columns of a strip, each channel alone."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__(channels, channels, kernel, padding=kernel // 2, groups=channels)
        self.quantizer: nn.Module | None = None

    def effective_weight(self) -> Tensor:
        return self.weight if self.quantizer is None else self.quantizer(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv1d(x, self.effective_weight(), self.bias, padding=self.padding, groups=self.groups)


class Embedding(nn.Embedding):
    """Token rows; the same table scores the outputs of a decoder with tied embeddings."""

    def __init__(self, entries: int, size: int) -> None:
        super().__init__(entries, size)
        nn.init.normal_(self.weight, std=0.02)
        self.quantizer: nn.Module | None = None

    def effective_weight(self) -> Tensor:
        return self.weight if self.quantizer is None else self.quantizer(self.weight)

    def forward(self, ids: Tensor) -> Tensor:
        return F.embedding(ids, self.effective_weight())


class ConvBn(nn.Module):
    """Convolution, BatchNorm, ReLU unless said. In files it is one convolution with a bias."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, int] = 1,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] | None = None,
        relu: bool = True,
    ) -> None:
        super().__init__()
        if padding is None:
            padding = kernel // 2 if isinstance(kernel, int) else (kernel[0] // 2, kernel[1] // 2)
        self.conv = Conv(inputs, outputs, kernel, stride, padding, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        return F.relu_(x) if self.relu else x


class Fused(nn.Module):
    """Dense 3x3, then 1x1, added to the input: few layers of many products, which suits every processor."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a = ConvBn(channels, channels, 3)
        self.b = ConvBn(channels, channels, 1, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.b(self.a(x))


class Mlp(nn.Module):
    def __init__(self, size: int, ratio: int) -> None:
        super().__init__()
        self.up = Linear(size, size * ratio)
        self.down = Linear(size * ratio, size)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.relu(self.up(x)))


class AttentionBlock(nn.Module):
    """Pre-norm transformer block over tokens (batch, tokens, size), every token seeing every other.

    With paths, the attention is shared and each path has an MLP of its own: the expert that the task chooses.
    """

    def __init__(self, size: int, head_dim: int, ratio: int, paths: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.head_dim = head_dim
        self.norm1, self.norm2 = nn.LayerNorm(size), nn.LayerNorm(size)
        self.qkv, self.out = Linear(size, 3 * size), Linear(size, size)
        if paths:
            self.experts = nn.ModuleDict({path: Mlp(size, ratio) for path in paths})
        else:
            self.mlp = Mlp(size, ratio)

    def forward(self, x: Tensor, path: str | None = None) -> Tensor:
        batch, tokens, size = x.shape
        heads = self.qkv(self.norm1(x)).view(batch, tokens, 3, size // self.head_dim, self.head_dim)
        q, k, v = heads.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, tokens, size)
        x = x + self.out(mixed)
        mlp = self.mlp if path is None else self.experts[path]
        return x + mlp(self.norm2(x))


def to_tokens(x: Tensor) -> Tensor:
    """(batch, channels, height, width) to (batch, height * width, channels)."""
    return x.flatten(2).transpose(1, 2)


def to_map(tokens: Tensor, height: int, width: int) -> Tensor:
    return tokens.transpose(1, 2).reshape(tokens.shape[0], tokens.shape[2], height, width)


def space_to_depth(x: Tensor) -> Tensor:
    """(batch, c, 2h, 2w) to (batch, h, w, 4c): the cells of a 2x2 square row by row, each with all its channels."""
    batch, channels, height, width = x.shape
    x = x.view(batch, channels, height // 2, 2, width // 2, 2).permute(0, 2, 4, 3, 5, 1)
    return x.reshape(batch, height // 2, width // 2, 4 * channels)


def has_quantizer(module: nn.Module) -> bool:
    return isinstance(module, Linear | Conv | DepthwiseConv1d | Embedding)


def parameter_count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def copy_tensor(target: Tensor, source: Tensor) -> None:
    with torch.no_grad():
        target.copy_(source)
