"""What may be chosen, and how a choice becomes a configuration."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

from pocket.model.config import DecoderConfig, EncoderConfig, PocketConfig

Choice = dict[str, int]


@dataclass(frozen=True)
class Space:
    """Values of each field, in order: a mutation goes to a neighbour."""

    fields: dict[str, list[int]]

    @staticmethod
    def of(data: dict[str, list[int]]) -> Space:
        for name in data:
            if name not in DEFAULT:
                raise ValueError(f"space: unknown field '{name}', expected one of {', '.join(DEFAULT)}")
        return Space({name: sorted(data.get(name, [value])) for name, value in DEFAULT.items()})

    def sample(self, chance: random.Random) -> Choice:
        return {name: chance.choice(values) for name, values in self.fields.items()}

    def mutate(self, choice: Choice, chance: random.Random, changes: int = 2) -> Choice:
        out = dict(choice)
        free = [name for name, values in self.fields.items() if len(values) > 1]
        for name in chance.sample(free, min(changes, len(free))):
            values = self.fields[name]
            at = values.index(out[name]) + chance.choice((-1, 1))
            out[name] = values[min(len(values) - 1, max(0, at))]
        return out

    def cross(self, a: Choice, b: Choice, chance: random.Random) -> Choice:
        return {name: (a if chance.random() < 0.5 else b)[name] for name in self.fields}


# pocket-s.
DEFAULT: Choice = {
    "stem": 16,
    "width": 32,
    "growth": 2,
    "depth_1": 1,
    "depth_2": 2,
    "depth_3": 2,
    "attention_3": 1,
    "attention_4": 4,
    "head_dim": 32,
    "mlp_ratio": 3,
    "decoder_layers": 3,
    "decoder_hidden": 256,
    "decoder_mlp": 640,
}


def to_config(choice: Choice, base: PocketConfig) -> PocketConfig:
    """Widths are multiples of 32, which the 2-bit groups need."""
    width, growth = choice["width"], choice["growth"]
    dims = tuple(round(width * growth**i / 32) * 32 for i in range(4))
    encoder = EncoderConfig(
        stem=(choice["stem"], dims[0]),
        dims=dims,
        blocks=(choice["depth_1"], choice["depth_2"], choice["depth_3"], 0),
        attention=(0, 0, choice["attention_3"], choice["attention_4"]),
        read_depth=max(1, choice["attention_4"] // 2),
        head_dim=choice["head_dim"],
        mlp_ratio=choice["mlp_ratio"],
    )
    hidden = choice["decoder_hidden"]
    heads = hidden // 32
    decoder: DecoderConfig = replace(
        base.decoder,
        layers=choice["decoder_layers"],
        hidden_size=hidden,
        heads=heads,
        kv_heads=heads,
        intermediate_size=choice["decoder_mlp"],
    )
    return replace(base, encoder=encoder, decoder=decoder)


def describe(choice: Choice) -> str:
    """What differs from pocket-s."""
    changed = {k: v for k, v in choice.items() if v != DEFAULT[k]}
    return ", ".join(f"{k} {v}" for k, v in changed.items()) or "pocket-s"


def key(choice: Choice) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(choice.items()))
