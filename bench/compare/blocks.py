"""Random weights in the block formats of GGUF: a pool of blocks is drawn once, and tensors of any size are cut from it.

Speed depends on formats and sizes and not on values; they are normally distributed all the same, rounded as each
format's encoder does, so that activations stay in the range of a real model.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

POOL_VALUES = 1 << 18
SPREAD = 0.02  # standard deviation of the weights
BLOCK = 32
CHUNK_BYTES = 8 << 20


@dataclass(frozen=True)
class BlockType:
    name: str
    ggml_type: int
    file_type: int  # general.file_type
    n_values: int  # of a block
    n_bytes: int
    encode: Callable[[Sequence[float]], bytes]

    def tensor_bytes(self, n_values: int) -> int:
        if n_values % self.n_values:
            raise ValueError(f"{n_values} values are no whole number of {self.name} blocks")
        return n_values // self.n_values * self.n_bytes


def blocks_of(values: Sequence[float]) -> Iterator[Sequence[float]]:
    return (values[at : at + BLOCK] for at in range(0, len(values), BLOCK))


def nibbles(codes: Sequence[int]) -> bytes:
    """The first half of a block is in the low bits, the second in the high bits."""
    half = BLOCK // 2
    return bytes(low | high << 4 for low, high in zip(codes[:half], codes[half:], strict=True))


def encode_q4_0(values: Sequence[float]) -> bytes:
    out = []
    for block in blocks_of(values):
        scale = max(block, key=abs) / -8
        inverse = 1 / scale if scale else 0.0
        out.append(struct.pack("<e", scale) + nibbles([min(15, int(x * inverse + 8.5)) for x in block]))
    return b"".join(out)


def encode_q4_1(values: Sequence[float]) -> bytes:
    out = []
    for block in blocks_of(values):
        low = min(block)
        scale = (max(block) - low) / 15
        inverse = 1 / scale if scale else 0.0
        codes = [min(15, int((x - low) * inverse + 0.5)) for x in block]
        out.append(struct.pack("<ee", scale, low) + nibbles(codes))
    return b"".join(out)


def encode_q8_0(values: Sequence[float]) -> bytes:
    out = []
    for block in blocks_of(values):
        scale = max(map(abs, block)) / 127
        inverse = 1 / scale if scale else 0.0
        out.append(struct.pack(f"<e{BLOCK}b", scale, *(round(x * inverse) for x in block)))
    return b"".join(out)


def encode_f16(values: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(values)}e", *values)


def encode_f32(values: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def encode_bf16(values: Sequence[float]) -> bytes:
    whole = encode_f32(values)
    halves = bytearray(2 * len(values))
    halves[0::2], halves[1::2] = whole[2::4], whole[3::4]  # towards zero
    return bytes(halves)


TYPES = {
    kind.name: kind
    for kind in (
        BlockType("f32", 0, 0, 1, 4, encode_f32),
        BlockType("f16", 1, 1, 1, 2, encode_f16),
        BlockType("q4_0", 2, 2, BLOCK, 18, encode_q4_0),
        BlockType("q4_1", 3, 3, BLOCK, 20, encode_q4_1),
        BlockType("q8_0", 8, 7, BLOCK, 34, encode_q8_0),
        BlockType("bf16", 30, 32, 1, 2, encode_bf16),
    )
}


class Pool:
    """Blocks of one type, from which tensors are cut."""

    def __init__(self, kind: BlockType, seed: int = 1) -> None:
        self.kind = kind
        self.random = random.Random(seed)
        blocks = kind.encode([self.random.gauss(0, SPREAD) for _ in range(POOL_VALUES)])
        self.n_blocks = len(blocks) // kind.n_bytes
        self.bytes = memoryview(blocks * (1 + CHUNK_BYTES // len(blocks)))

    def chunks(self, n_values: int) -> Iterator[memoryview]:
        """The bytes of a tensor, which begins at another block than the one before."""
        left = self.kind.tensor_bytes(n_values)
        at = self.random.randrange(self.n_blocks) * self.kind.n_bytes
        while left > 0:
            chunk = self.bytes[at : at + left]
            left -= len(chunk)
            at = 0
            yield chunk
