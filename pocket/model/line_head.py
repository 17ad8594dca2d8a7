"""Finds lines of writing: a dense head at stride 4 on the maps of the read path.

Five maps: logit of a line's core (its box shrunk to half its height, a quarter of the height off each end), distances
to its upper and lower edge in units of `distance_unit` pixels, and the direction of writing as cosine and sine.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pocket.model.blocks import Conv, ConvBn
from pocket.model.config import PocketConfig

CORE, ABOVE, BELOW, COSINE, SINE = range(5)


class LineHead(nn.Module):
    def __init__(self, config: PocketConfig) -> None:
        super().__init__()
        d = config.line_head.channels
        self.lateral = nn.ModuleList([ConvBn(c, d, 1, relu=False) for c in config.encoder.dims])
        self.mix = nn.ModuleList([ConvBn(d, d, 3), ConvBn(d, d, 3)])
        self.out = Conv(d, 5, 1)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """(batch, 5, height / 4, width / 4); distances are not negative."""
        x = self.lateral[-1](maps[-1])
        for lateral, m in zip(list(self.lateral)[-2::-1], maps[-2::-1], strict=True):
            x = lateral(m) + F.interpolate(x, scale_factor=2.0, mode="nearest")
        for conv in self.mix:
            x = conv(x)
        x = self.out(x)
        return torch.cat([x[:, :ABOVE], F.relu(x[:, ABOVE:COSINE]), x[:, COSINE:]], 1)
