"""The whole model, and the training-only heads beside it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pocket.model.blocks import Linear, space_to_depth, to_tokens
from pocket.model.config import DecoderConfig, PocketConfig
from pocket.model.decoder import Decoder, DecoderLayer, RmsNorm, rotary
from pocket.model.encoder import Encoder
from pocket.model.line_head import LineHead
from pocket.model.reader import Reader


class ImageEmbed(nn.Module):
    """A picture's vector for retrieval, from its tokens."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.fc1 = Linear(inputs, inputs)
        self.fc2 = Linear(inputs, outputs, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        return F.normalize(self.fc2(F.relu(self.fc1(tokens)).mean(1)), dim=-1)


class TextTower(nn.Module):
    """A text's vector for retrieval, from the decoder's token rows, each seeing all others."""

    def __init__(self, c: DecoderConfig, outputs: int) -> None:
        super().__init__()
        self.layer = DecoderLayer(c)
        self.norm = RmsNorm(c.hidden_size, c.rms_eps)
        self.projection = Linear(c.hidden_size, outputs, bias=False)
        self.head_dim, self.theta = c.hidden_size // c.heads, c.rope_theta

    def forward(self, rows: Tensor, valid: Tensor) -> Tensor:
        """Rows (batch, tokens, size), of which `valid` (batch, tokens) are not padding."""
        positions = torch.arange(rows.shape[1], device=rows.device)[None].expand(rows.shape[0], -1)
        x = self.layer(rows, rotary(positions, self.head_dim, self.theta), valid[:, None, None, :])
        weights = valid.to(x.dtype)[..., None]
        mean = (self.norm(x) * weights).sum(1) / weights.sum(1)
        return F.normalize(self.projection(mean), dim=-1)


class PocketModel(nn.Module):
    """What pocket.gguf holds. `reader` shares no weights with the rest and may be absent while the rest is trained."""

    def __init__(self, config: PocketConfig, with_reader: bool = True, with_rest: bool = True) -> None:
        super().__init__()
        self.config = config
        if with_reader:
            self.reader = Reader(config.reader)
        if not with_rest:
            return
        dims, hidden = config.encoder.dims, config.decoder.hidden_size
        self.encoder = Encoder(config)
        self.line_head = LineHead(config)
        self.image_tokens = Linear(dims[-1] + 4 * dims[-2], hidden)
        self.decoder = Decoder(config.decoder)
        self.image_embed = ImageEmbed(hidden, config.embedding_size)
        self.text_tower = TextTower(config.decoder, config.embedding_size)
        self.logit_scale = nn.Parameter(torch.tensor(2.3))  # SigLIP's: e^2.3 = 10, and nothing matches at first
        self.logit_bias = nn.Parameter(torch.tensor(-10.0))

    @property
    def has_reader(self) -> bool:
        return hasattr(self, "reader")

    @property
    def has_rest(self) -> bool:
        return hasattr(self, "encoder")

    def tokens(self, see_maps: list[Tensor]) -> Tensor:
        """A picture's rows in the decoder: each cell of the last map with the four of the map before it."""
        last = to_tokens(see_maps[-1])
        finer = space_to_depth(see_maps[-2]).flatten(1, 2)
        return self.image_tokens(torch.cat([last, finer], -1))

    def embed_text(self, ids: Tensor, valid: Tensor) -> Tensor:
        return self.text_tower(self.decoder.embed(ids), valid)


class CellHeads(nn.Module):
    """Training only: names what stands in each cell of the last two maps, which teaches the encoder much faster."""

    def __init__(self, config: PocketConfig, classes: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList([nn.Linear(d, classes) for d in config.encoder.dims[-2:]])

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Scores (batch, cells, classes) for each of the two maps."""
        return [head(to_tokens(m)) for head, m in zip(self.heads, maps[-2:], strict=True)]
