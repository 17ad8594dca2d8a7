"""Blocks of 32 weights as bytes: GGML's Q8_0, and q2_b, a 2-bit type of our own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pocket.quantize.rules import GROUP

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

Q2_B_BYTES = 10  # f16 scale, then 8 bytes of four codes, the first in the lowest bits
Q8_0_BYTES = 34
SMALLEST_F16 = 2.0**-24


def encode_q8_0(rows: Floats) -> Bytes:
    blocks = rows.reshape(-1, GROUP)
    scale = (np.abs(blocks).max(1) / 127).astype(np.float16)
    inverse = np.divide(1.0, scale.astype(np.float32), out=np.zeros(len(scale), np.float32), where=scale > 0)
    codes = np.clip(np.rint(blocks * inverse[:, None]), -127, 127).astype(np.int8)
    packed = np.concatenate([scale.view(np.uint8).reshape(-1, 2), codes.view(np.uint8)], 1)
    return packed.reshape(len(rows), -1)


def decode_q8_0(data: Bytes) -> Floats:
    blocks = data.reshape(-1, Q8_0_BYTES)
    scale = blocks[:, :2].copy().view(np.float16).astype(np.float32)
    return (scale * blocks[:, 2:].view(np.int8)).reshape(len(data), -1)


def encode_q2_b(codes: Bytes, scales: Floats) -> Bytes:
    """Rows of codes 0..3 and the scale of each 32 of them, which must be positive."""
    blocks = codes.reshape(-1, 8, 4)
    packed = blocks[..., 0] | blocks[..., 1] << 2 | blocks[..., 2] << 4 | blocks[..., 3] << 6
    scale = np.clip(scales, SMALLEST_F16, 65504).astype(np.float16).reshape(-1, 1)
    return np.concatenate([scale.view(np.uint8), packed.astype(np.uint8)], 1).reshape(len(codes), -1)


def split_q2_b(data: Bytes) -> tuple[Bytes, Floats]:
    """Rows of codes, and rows of scales."""
    blocks = data.reshape(-1, Q2_B_BYTES)
    scale = blocks[:, :2].copy().view(np.float16).astype(np.float32)
    codes = np.stack([blocks[:, 2:] >> shift & 3 for shift in (0, 2, 4, 6)], -1)
    return codes.reshape(len(data), -1), scale.reshape(len(data), -1)


def decode_q2_b(data: Bytes) -> Floats:
    codes, scales = split_q2_b(data)
    return (codes.astype(np.float32) - 1.5) * np.repeat(scales, GROUP, 1)
