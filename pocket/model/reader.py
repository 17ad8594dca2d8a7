"""Reads a strip of one line: convolutions to columns of 4 pixels, then local and global mixing, scored for CTC."""

from __future__ import annotations

from torch import Tensor, nn

from pocket.model.blocks import AttentionBlock, ConvBn, DepthwiseConv1d, Fused, Linear
from pocket.model.config import ReaderConfig


class Reader(nn.Module):
    def __init__(self, c: ReaderConfig) -> None:
        super().__init__()
        self.stem = nn.ModuleList([ConvBn(1, c.stem[0], 3, 2), ConvBn(c.stem[0], c.stem[1], 3, 2)])
        # After the stem columns stay 4 pixels wide: narrower letters than that do not occur, wider columns merge them.
        self.downs = nn.ModuleList([ConvBn(a, b, 3, (2, 1)) for a, b in zip(c.dims, c.dims[1:], strict=False)])
        self.stages = nn.ModuleList(
            [nn.ModuleList([Fused(d) for _ in range(n)]) for d, n in zip(c.dims, c.blocks, strict=True)]
        )
        rows = c.height // (4 << (len(c.dims) - 1))
        self.fold = ConvBn(c.dims[-1], c.hidden_size, (rows, 3), 1, (0, 1), relu=False)
        self.local = nn.ModuleList([DepthwiseConv1d(c.hidden_size, c.conv_kernel) for _ in range(c.layers)])
        self.attention = nn.ModuleList(
            [AttentionBlock(c.hidden_size, c.head_dim, c.mlp_ratio) for _ in range(c.layers)]
        )
        self.norm = nn.LayerNorm(c.hidden_size)
        self.head = Linear(c.hidden_size, c.classes)

    def features(self, x: Tensor) -> Tensor:
        """Strips (batch, 1, height, width) with values -1 to 1 to (batch, width / 4, hidden size)."""
        for conv in self.stem:
            x = conv(x)
        for i, stage in enumerate(self.stages):
            if i:
                x = self.downs[i - 1](x)
            for block in stage:
                x = block(x)
        t = self.fold(x).squeeze(2)
        for local, attention in zip(self.local, self.attention, strict=True):
            t = t + local(t)
            t = attention(t.transpose(1, 2)).transpose(1, 2)
        return self.norm(t.transpose(1, 2))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, width / 4, classes)."""
        return self.head(self.features(x))
