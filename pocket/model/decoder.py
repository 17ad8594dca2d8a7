"""Llama's decoder, small: its names are transformers', so that its formats and checks apply."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pocket.model.blocks import Embedding, Linear
from pocket.model.config import DecoderConfig


class RmsNorm(nn.Module):
    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight, self.eps)


def rotary(positions: Tensor, head_dim: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosines and sines (batch, 1, tokens, head_dim) for positions (batch, tokens)."""
    rates = theta ** (-torch.arange(0, head_dim, 2, device=positions.device, dtype=torch.float32) / head_dim)
    angles = positions[..., None].float() * rates
    angles = torch.cat([angles, angles], -1)[:, None]
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Turns each half-split pair of a head's numbers by its position's angle."""
    first, second = x.chunk(2, -1)
    return x * cosines + torch.cat([-second, first], -1) * sines


class Attention(nn.Module):
    def __init__(self, c: DecoderConfig) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = c.heads, c.kv_heads, c.hidden_size // c.heads
        self.q_proj = Linear(c.hidden_size, c.heads * self.head_dim, bias=False)
        self.k_proj = Linear(c.hidden_size, c.kv_heads * self.head_dim, bias=False)
        self.v_proj = Linear(c.hidden_size, c.kv_heads * self.head_dim, bias=False)
        self.o_proj = Linear(c.heads * self.head_dim, c.hidden_size, bias=False)

    def forward(self, x: Tensor, angles: tuple[Tensor, Tensor], mask: Tensor | None) -> Tensor:
        batch, tokens, _ = x.shape
        q = rotate(self.q_proj(x).view(batch, tokens, self.heads, -1).transpose(1, 2), *angles)
        k = rotate(self.k_proj(x).view(batch, tokens, self.kv_heads, -1).transpose(1, 2), *angles)
        v = self.v_proj(x).view(batch, tokens, self.kv_heads, -1).transpose(1, 2)
        if self.kv_heads != self.heads:
            k, v = (t.repeat_interleave(self.heads // self.kv_heads, 1) for t in (k, v))
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.o_proj(mixed.transpose(1, 2).reshape(batch, tokens, -1))


class GatedMlp(nn.Module):
    def __init__(self, c: DecoderConfig) -> None:
        super().__init__()
        self.gate_proj = Linear(c.hidden_size, c.intermediate_size, bias=False)
        self.up_proj = Linear(c.hidden_size, c.intermediate_size, bias=False)
        self.down_proj = Linear(c.intermediate_size, c.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class DecoderLayer(nn.Module):
    def __init__(self, c: DecoderConfig) -> None:
        super().__init__()
        self.self_attn, self.mlp = Attention(c), GatedMlp(c)
        self.input_layernorm = RmsNorm(c.hidden_size, c.rms_eps)
        self.post_attention_layernorm = RmsNorm(c.hidden_size, c.rms_eps)

    def forward(self, x: Tensor, angles: tuple[Tensor, Tensor], mask: Tensor | None) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), angles, mask)
        return x + self.mlp(self.post_attention_layernorm(x))


class Trunk(nn.Module):
    """transformers' LlamaModel."""

    def __init__(self, c: DecoderConfig) -> None:
        super().__init__()
        self.embed_tokens = Embedding(c.vocabulary_size, c.hidden_size)
        self.layers = nn.ModuleList([DecoderLayer(c) for _ in range(c.layers)])
        self.norm = RmsNorm(c.hidden_size, c.rms_eps)


class Decoder(nn.Module):
    """transformers' LlamaForCausalLM with tied embeddings, fed with rows instead of ids."""

    def __init__(self, c: DecoderConfig) -> None:
        super().__init__()
        self.model = Trunk(c)
        self.head_dim, self.theta = c.hidden_size // c.heads, c.rope_theta

    def embed(self, ids: Tensor) -> Tensor:
        return self.model.embed_tokens(ids)

    def hidden(self, rows: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        """Rows (batch, tokens, size) at positions (batch, tokens); mask (batch, 1, tokens, tokens) true where seen."""
        angles = rotary(positions, self.head_dim, self.theta)
        for layer in self.model.layers:
            rows = layer(rows, angles, mask)
        return self.model.norm(rows)

    def score(self, hidden: Tensor) -> Tensor:
        return F.linear(hidden, self.model.embed_tokens.effective_weight())


def causal_mask(tokens: int, device: torch.device | None = None) -> Tensor:
    return torch.ones(1, 1, tokens, tokens, dtype=torch.bool, device=device).tril()
