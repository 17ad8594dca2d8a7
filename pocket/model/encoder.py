"""The picture encoder: one trunk to stride 16, then the path of the task through the last stage.

Seeing needs names and places of things, reading needs edges of letters: the paths share the attention of the last stage
and have MLP experts of their own, and the read path leaves early.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pocket.model.blocks import AttentionBlock, ConvBn, Fused, to_map, to_tokens
from pocket.model.config import PocketConfig

SEE, READ = "see", "read"


@dataclass
class Trunk:
    """What both paths begin with: maps at strides 4, 8, 16, and the tokens that enter the last stage."""

    maps: list[Tensor]
    tokens: Tensor  # (batch, cells at stride 32, channels), positions added

    def rows(self, index: Tensor | slice) -> Trunk:
        """Of some pictures of the batch."""
        return Trunk([m[index] for m in self.maps], self.tokens[index])


class Encoder(nn.Module):
    def __init__(self, config: PocketConfig) -> None:
        super().__init__()
        c = config.encoder
        self.read_depth = c.read_depth
        self.stem = nn.ModuleList([ConvBn(3, c.stem[0], 3, 2), ConvBn(c.stem[0], c.stem[1], 3, 2)])
        self.downs = nn.ModuleList([ConvBn(a, b, 3, 2) for a, b in zip(c.dims, c.dims[1:], strict=False)])
        self.stages = nn.ModuleList(
            [nn.ModuleList([Fused(d) for _ in range(n)]) for d, n in zip(c.dims, c.blocks, strict=True)]
        )
        self.attention = nn.ModuleList()
        self.positions = nn.ParameterDict()
        last = len(c.dims) - 1
        for i, (d, n) in enumerate(zip(c.dims, c.attention, strict=True)):
            self.attention.append(
                nn.ModuleList([AttentionBlock(d, c.head_dim, c.mlp_ratio, self._paths(i == last, k)) for k in range(n)])
            )
            if n:
                side = config.image_size // (4 << i)
                self.positions[str(i)] = nn.Parameter(torch.randn(side * side, d) * 0.02)

    def _paths(self, routed: bool, depth: int) -> tuple[str, ...]:
        if not routed:
            return ()
        return (SEE, READ) if depth < self.read_depth else (SEE,)

    def trunk(self, x: Tensor) -> Trunk:
        """Of pictures (batch, 3, size, size) with values -1 to 1."""
        maps: list[Tensor] = []
        for conv in self.stem:
            x = conv(x)
        last = len(self.stages) - 1
        for i, stage in enumerate(self.stages):
            if i:
                x = self.downs[i - 1](x)
            for block in stage:
                x = block(x)
            if i == last:
                break
            if len(self.attention[i]):
                height, width = x.shape[-2:]
                tokens = to_tokens(x) + self._positions(i, height)
                for block in self.attention[i]:
                    tokens = block(tokens)
                x = to_map(tokens, height, width)
            maps.append(x)
        tokens = to_tokens(x)
        if len(self.attention[last]):
            tokens = tokens + self._positions(last, x.shape[-1])
        return Trunk(maps, tokens)

    def _positions(self, stage: int, side: int) -> Tensor:
        """Learned for image_size; training also shows smaller pictures, whose cells lie between the learned ones."""
        positions = self.positions[str(stage)]
        own = int(positions.shape[0] ** 0.5)
        if own == side:
            return positions
        grid = positions.T.reshape(1, -1, own, own)
        return F.interpolate(grid, (side, side), mode="bilinear", align_corners=False)[0].flatten(1).T

    def _last_map(self, tokens: Tensor) -> Tensor:
        side = int(tokens.shape[1] ** 0.5)
        return to_map(tokens, side, side)

    def see(self, trunk: Trunk) -> list[Tensor]:
        """The four maps of the see path."""
        tokens = trunk.tokens
        for block in self.attention[-1]:
            tokens = block(tokens, SEE)
        return [*trunk.maps, self._last_map(tokens)]

    def read(self, trunk: Trunk) -> list[Tensor]:
        """The four maps of the read path, which leaves after read_depth blocks."""
        tokens = trunk.tokens
        for block in list(self.attention[-1])[: self.read_depth]:
            tokens = block(tokens, READ)
        return [*trunk.maps, self._last_map(tokens)]
