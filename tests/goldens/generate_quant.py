"""Write tests/data/quant: blocks of every element type and the values they stand for.

    python tests/goldens/generate_quant.py

<type>.blocks holds, where the type has a quantizer, inputs.f32 as the quantizer writes it, then blocks of random bytes
with finite scales; <type>.values the f32 values of all of them. The oracle is the Python package gguf, save for Q1_0
and Q2_0, which it does not know: those are written here from their definition in ggml-quants.c of llama.cpp.
summary.json: which types have a quantizer, and FNV-1a hashes over the f32 bits of every f16, bf16 and E4M3 pattern
that is not NaN, by numpy and torch.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize, quantize

DATA = Path(__file__).resolve().parents[1] / "data" / "quant"
RANDOM_ELEMENTS = 512

# Byte offsets of the f16 fields of each block format; IQ1_M spreads its one over four nibbles.
F16_FIELDS: dict[str, list[int]] = {
    "Q1_0": [0],
    "Q2_0": [0],
    "Q4_0": [0],
    "Q4_1": [0, 2],
    "Q5_0": [0],
    "Q5_1": [0, 2],
    "Q8_0": [0],
    "Q2_K": [80, 82],
    "Q3_K": [108],
    "Q4_K": [0, 2],
    "Q5_K": [0, 2],
    "Q6_K": [208],
    "IQ1_S": [0],
    "IQ1_M": [],
    "IQ2_XXS": [0],
    "IQ2_XS": [0],
    "IQ2_S": [0],
    "IQ3_XXS": [0],
    "IQ3_S": [0],
    "IQ4_NL": [0],
    "IQ4_XS": [0],
    "TQ1_0": [52],
    "TQ2_0": [64],
    "MXFP4": [],
    "NVFP4": [],
}


def encoder_inputs(rng: np.random.Generator) -> np.ndarray:
    """1024 values, 32 groups of 32: ordinary weights, outliers, ties, zeros, and scales at f16's edges."""
    rows = rng.standard_normal((32, 32), dtype=np.float32) * np.float32(0.02)
    rows[8] = 0.0
    rows[9] = np.abs(rows[9])
    rows[10] = -np.abs(rows[10])
    rows[11, 7] = 3.0
    rows[12] = np.arange(-16, 16, dtype=np.float32) / 2
    rows[13] = np.float32(0.25)
    rows[14] *= np.float32(5e5)
    rows[15] *= np.float32(1e-4)
    rows[16] *= np.float32(1e-7)
    rows[17] = rng.choice(np.array([-1.5, 0.0, 1.5], dtype=np.float32), 32)
    rows[18] = rng.choice(np.array([-0.03, 0.03], dtype=np.float32), 32)
    rows[19] = np.ldexp(np.float32(1), rng.integers(-12, 3, 32)).astype(np.float32)
    rows[20, :4] = np.nextafter(np.float32([4, 4, 4, 4]), np.float32(0))
    rows[21, 3] = np.nextafter(np.float32(0.5), np.float32(0))
    rows[22, 30] = np.float32(-0.125)
    rows[23] = rng.standard_cauchy(32).astype(np.float32)
    rows[24] = rng.uniform(-1, 1, 32).astype(np.float32)
    rows[25] += np.float32(1)
    return rows.reshape(-1)


def finite_f16(rng: np.random.Generator, count: int) -> np.ndarray:
    """Finite half bit patterns, subnormals and both zeros among them; mostly of the size real scales have."""
    bits = rng.integers(0x0000, 0x7C00, count, dtype=np.uint16)
    usual = rng.integers(0x1000, 0x3000, count, dtype=np.uint16)
    signs = rng.integers(0, 2, count, dtype=np.uint16) << 15
    return (np.where(rng.random(count) < 0.3, bits, usual) | signs).astype(np.uint16)


def random_blocks(rng: np.random.Generator, name: str, elements: int, block_bytes: int) -> np.ndarray:
    """Blocks of random bytes, as (blocks, block_bytes), with finite f16 scales."""
    blocks = rng.integers(0, 256, (RANDOM_ELEMENTS // elements, block_bytes), dtype=np.uint8)
    for offset in F16_FIELDS[name]:
        blocks[:, offset : offset + 2] = finite_f16(rng, len(blocks)).view(np.uint8).reshape(-1, 2)
    if name == "IQ1_M":
        blocks[:, 55] &= 0xBF  # the highest nibble of the scale: an exponent that is not all ones
    if name == "MXFP4":
        blocks[:, 0] = rng.integers(0, 252, len(blocks), dtype=np.uint8)  # 12 * 2^(251 - 128) is still finite
        blocks[0, 0], blocks[1, 0], blocks[2, 0] = 0, 1, 2
    if name == "NVFP4":
        blocks[0, :4] = [0x00, 0x7F, 0xFF, 0x80]
        blocks[1, :4] = [0x01, 0x07, 0x7E, 0x88]
    return blocks


def half_scales(blocks: np.ndarray) -> np.ndarray:
    return blocks[:, :2].copy().view(np.float16).astype(np.float32)


def decode_q1_0(blocks: np.ndarray) -> np.ndarray:
    bits = np.unpackbits(blocks[:, 2:], axis=1, bitorder="little")
    scales = half_scales(blocks)
    return np.where(bits == 1, scales, -scales).astype(np.float32)


def encode_q1_0(values: np.ndarray) -> np.ndarray:
    rows = values.reshape(-1, 128)
    # accumulate adds one after another, as the C loop does; sum() would add pairwise.
    means = np.add.accumulate(np.abs(rows), axis=1, dtype=np.float32)[:, -1:] / np.float32(128)
    bits = np.packbits(rows >= 0, axis=1, bitorder="little")
    return np.concatenate([means.astype(np.float16).view(np.uint8), bits], axis=1)


def decode_q2_0(blocks: np.ndarray) -> np.ndarray:
    levels = (blocks[:, 2:, None] >> np.array([0, 2, 4, 6], dtype=np.uint8)) & 3
    return (levels.reshape(len(blocks), 64).astype(np.float32) - 1) * half_scales(blocks)


def encode_q2_0(values: np.ndarray) -> np.ndarray:
    rows = values.reshape(-1, 64)
    scales = np.abs(rows).max(axis=1, keepdims=True)
    inverses = np.divide(np.float32(1), scales, out=np.zeros_like(scales), where=scales > 0)
    scaled = np.abs(rows * inverses)
    whole = np.floor(scaled)
    rounded = np.copysign(whole + np.floor(2 * (scaled - whole)), rows)  # halves away from zero, as roundf does
    levels = np.clip(rounded + 1, 0, 3).astype(np.uint8)
    quads = (levels.reshape(-1, 16, 4) << np.array([0, 2, 4, 6], dtype=np.uint8)).sum(axis=2, dtype=np.uint8)
    return np.concatenate([scales.astype(np.float16).view(np.uint8), quads], axis=1)


OWN: dict[str, tuple[tuple[int, int], Callable[..., np.ndarray], Callable[..., np.ndarray]]] = {
    "Q1_0": ((128, 18), encode_q1_0, decode_q1_0),
    "Q2_0": ((64, 18), encode_q2_0, decode_q2_0),
}


def block_format(rng: np.random.Generator, name: str, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """(blocks, values, whether the first of them are encoded inputs)."""
    if name in OWN:
        (elements, block_bytes), encode, decode = OWN[name]
        blocks = np.concatenate([encode(inputs), random_blocks(rng, name, elements, block_bytes)])
        return blocks, decode(blocks), True
    qtype = GGMLQuantizationType[name]
    elements, block_bytes = GGML_QUANT_SIZES[qtype]
    blocks = random_blocks(rng, name, elements, block_bytes)
    try:
        encoded = quantize(inputs, qtype).reshape(-1, block_bytes)
    except NotImplementedError:
        return blocks, dequantize(blocks, qtype), False
    blocks = np.concatenate([encoded, blocks])
    return blocks, dequantize(blocks, qtype), True


def plain_types(rng: np.random.Generator, inputs: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """(stored, values) of the types that are no block formats."""
    bf16 = quantize(inputs, GGMLQuantizationType.BF16)
    stored: dict[str, np.ndarray] = {
        "f32": inputs,
        "f16": inputs.astype(np.float16),
        "f64": rng.standard_normal(64) * np.exp(rng.uniform(-40, 40, 64)),
        "bool": rng.integers(0, 2, 64, dtype=np.uint8),
    }
    for name, dtype in {"i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64, "u8": np.uint8}.items():
        limits = np.iinfo(dtype)
        drawn = rng.integers(limits.min, limits.max, 62, dtype=dtype, endpoint=True)
        stored[name] = np.concatenate([drawn, np.array([limits.min, limits.max], dtype=dtype)])
    tables = {name: (array, array.astype(np.float32)) for name, array in stored.items()}
    tables["bf16"] = (bf16, dequantize(bf16, GGMLQuantizationType.BF16))
    return tables


def fnv1a(values: np.ndarray) -> str:
    """64-bit FNV-1a over the f32 bits, in 32-bit words, of what is not NaN."""
    state = 0xCBF29CE484222325
    for word in values[~np.isnan(values)].view(np.uint32).tolist():
        state = ((state ^ word) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{state:016x}"


def all_patterns() -> dict[str, str]:
    words = np.arange(65536, dtype=np.uint16)
    codes = torch.arange(256, dtype=torch.uint8)
    return {
        "f16": fnv1a(words.view(np.float16).astype(np.float32)),
        "bf16": fnv1a(dequantize(words.view(np.uint8), GGMLQuantizationType.BF16)),
        "e4m3": fnv1a(codes.view(torch.float8_e4m3fn).to(torch.float32).numpy()),
    }


def main() -> None:
    DATA.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(20)
    inputs = encoder_inputs(rng)
    inputs.astype("<f4").tofile(DATA / "inputs.f32")
    encoders = ["f32", "f16", "bf16"]
    for name, (stored, values) in plain_types(rng, inputs).items():
        stored.tofile(DATA / f"{name}.blocks")
        values.astype("<f4").tofile(DATA / f"{name}.values")
    for name in F16_FIELDS:
        blocks, values, encoded = block_format(rng, name, inputs)
        if not np.all(np.isfinite(values)):
            raise ValueError(f"{name}: a value is not finite")
        blocks.tofile(DATA / f"{name.lower()}.blocks")
        values.astype("<f4").tofile(DATA / f"{name.lower()}.values")
        encoders += [name.lower()] if encoded else []
    summary = {"encoders": sorted(encoders), "patterns": all_patterns()}
    (DATA / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
