#!/usr/bin/env python3
"""Writes a GGUF file of a published architecture and size with random weights, to measure speed and memory with.

    make_model.py qwen3-0.6b q4_0 out.gguf --vocab qwen2.gguf

The vocabulary is copied from the GGUF file named by --vocab; tokens that it lacks are filled in. Tensors are written as
they are made, so that any size needs little memory.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from blocks import SPREAD, TYPES, BlockType, Pool, encode_f32
from gguf_file import FormatError, Planned, Value, align, read_header, write_header

UNUSED_TOKEN = 5


@dataclass(frozen=True)
class Preset:
    architecture: str
    n_layers: int
    hidden: int
    ffn: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool
    rope_theta: float
    context: int
    vocabulary_file: str  # among ggml's test vocabularies


PRESETS = {
    "smollm2-135m": Preset("llama", 30, 576, 1536, 9, 3, 64, 49152, True, 1e5, 8192, "ggml-vocab-starcoder.gguf"),
    "qwen3-0.6b": Preset("qwen3", 28, 1024, 3072, 16, 8, 128, 151936, True, 1e6, 40960, "ggml-vocab-qwen2.gguf"),
    "llama3.2-1b": Preset("llama", 16, 2048, 8192, 32, 8, 64, 128256, True, 5e5, 131072, "ggml-vocab-llama-bpe.gguf"),
    "mobilellama-1.4b": Preset(
        "llama", 24, 2048, 5632, 16, 16, 128, 32000, False, 1e4, 2048, "ggml-vocab-llama-spm.gguf"
    ),
    "qwen2.5-1.5b": Preset("qwen2", 28, 1536, 8960, 12, 2, 128, 151936, True, 1e6, 32768, "ggml-vocab-qwen2.gguf"),
    "mobilellama-2.7b": Preset(
        "llama", 32, 2560, 6912, 32, 32, 80, 32000, False, 1e4, 2048, "ggml-vocab-llama-spm.gguf"
    ),
}


@dataclass(frozen=True)
class Shape:
    name: str
    dims: tuple[int, ...]  # of a matrix: columns, rows
    mean: float = 0.0  # of a vector

    @property
    def is_matrix(self) -> bool:
        return len(self.dims) == 2


def tensors_of(preset: Preset) -> Iterator[Shape]:
    hidden, head = preset.hidden, preset.head_dim
    rows = {"q": preset.n_heads * head, "k": preset.n_kv_heads * head, "v": preset.n_kv_heads * head}
    yield Shape("token_embd.weight", (hidden, preset.vocabulary))
    for layer in range(preset.n_layers):
        prefix = f"blk.{layer}."
        yield Shape(prefix + "attn_norm.weight", (hidden,), 1.0)
        for which, n in rows.items():
            yield Shape(f"{prefix}attn_{which}.weight", (hidden, n))
            if preset.architecture == "qwen2":
                yield Shape(f"{prefix}attn_{which}.bias", (n,))
            if preset.architecture == "qwen3" and which != "v":
                yield Shape(f"{prefix}attn_{which}_norm.weight", (head,), 1.0)
        yield Shape(prefix + "attn_output.weight", (rows["q"], hidden))
        yield Shape(prefix + "ffn_norm.weight", (hidden,), 1.0)
        yield Shape(prefix + "ffn_gate.weight", (hidden, preset.ffn))
        yield Shape(prefix + "ffn_up.weight", (hidden, preset.ffn))
        yield Shape(prefix + "ffn_down.weight", (preset.ffn, hidden))
    yield Shape("output_norm.weight", (hidden,), 1.0)
    if not preset.tied:
        yield Shape("output.weight", (hidden, preset.vocabulary))


def plan(preset: Preset, kind: BlockType) -> list[Planned]:
    planned = []
    for shape in tensors_of(preset):
        n_values = shape.dims[0] * (shape.dims[1] if shape.is_matrix else 1)
        used = kind if shape.is_matrix else TYPES["f32"]
        planned.append(Planned(shape.name, shape.dims, used.ggml_type, used.tensor_bytes(n_values)))
    return planned


def model_bytes(preset: Preset, kind: BlockType) -> int:
    """Of the tensors; a vocabulary adds a few MB."""
    return sum(align(tensor.n_bytes) for tensor in plan(preset, kind))


def vocabulary_of(path: Path, size: int) -> dict[str, Value]:
    """The tokenizer of a GGUF file, cut or filled up to `size` tokens."""
    copied = {k: v for k, v in read_header(path).metadata.items() if k.startswith("tokenizer.")}
    tokens, types = copied.get("tokenizer.ggml.tokens"), copied.get("tokenizer.ggml.token_type")
    if not isinstance(tokens, list):
        raise FormatError(f"{path}: has no vocabulary (tokenizer.ggml.tokens); name a GGUF file that has one")
    fill: list[Value] = [f"[pad{i}]".encode() for i in range(size - len(tokens))]
    copied["tokenizer.ggml.tokens"] = tokens[:size] + fill
    if isinstance(types, list):
        copied["tokenizer.ggml.token_type"] = types[:size] + [UNUSED_TOKEN] * len(fill)
    scores = copied.get("tokenizer.ggml.scores")
    if isinstance(scores, list):
        copied["tokenizer.ggml.scores"] = scores[:size] + [0.0] * len(fill)
    for key in [k for k, v in copied.items() if k.endswith("_token_id") and isinstance(v, int) and v >= size]:
        del copied[key]
    return copied


def metadata_of(name: str, preset: Preset, kind: BlockType) -> dict[str, Value]:
    arch = preset.architecture
    return {
        "general.architecture": arch,
        "general.name": f"random {name}",
        "general.file_type": kind.file_type,
        f"{arch}.context_length": preset.context,
        f"{arch}.embedding_length": preset.hidden,
        f"{arch}.block_count": preset.n_layers,
        f"{arch}.feed_forward_length": preset.ffn,
        f"{arch}.attention.head_count": preset.n_heads,
        f"{arch}.attention.head_count_kv": preset.n_kv_heads,
        f"{arch}.attention.key_length": preset.head_dim,
        f"{arch}.attention.value_length": preset.head_dim,
        f"{arch}.attention.layer_norm_rms_epsilon": 1e-5,
        f"{arch}.rope.freq_base": preset.rope_theta,
        f"{arch}.rope.dimension_count": preset.head_dim,
        f"{arch}.vocab_size": preset.vocabulary,
    }


class ProgressBar:
    """On standard error, and only where somebody looks."""

    def __init__(self, title: str, total: int) -> None:
        self.title, self.total, self.done = title, max(total, 1), 0
        self.shown = -1

    def add(self, n: int) -> None:
        self.done += n
        percent = 100 * self.done // self.total
        if percent == self.shown or not sys.stderr.isatty():
            return
        self.shown = percent
        bar = "#" * (percent * 30 // 100)
        sys.stderr.write(f"\r{self.title} [{bar:<30}] {percent:3} % of {self.total / 1e6:.0f} MB")
        sys.stderr.write("\n" if self.done >= self.total else "")
        sys.stderr.flush()


def make_model(name: str, preset: Preset, kind: BlockType, vocabulary: Path, out: Path) -> None:
    """Leaves a whole file, or none."""
    planned = plan(preset, kind)
    metadata = metadata_of(name, preset, kind) | vocabulary_of(vocabulary, preset.vocabulary)
    pool, draw = Pool(kind), random.Random(2)
    bar = ProgressBar(out.name, sum(tensor.n_bytes for tensor in planned))
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            write_header(file, metadata, planned)
            for shape, tensor in zip(tensors_of(preset), planned, strict=True):
                if shape.is_matrix:
                    for chunk in pool.chunks(shape.dims[0] * shape.dims[1]):
                        file.write(chunk)
                        bar.add(len(chunk))
                else:
                    file.write(encode_f32([draw.gauss(shape.mean, SPREAD) for _ in range(shape.dims[0])]))
                    bar.add(tensor.n_bytes)
                file.write(bytes(align(tensor.n_bytes) - tensor.n_bytes))
        part.rename(out)
    finally:
        part.unlink(missing_ok=True)


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("preset", choices=PRESETS)
    cli.add_argument("type", choices=TYPES)
    cli.add_argument("out", type=Path)
    cli.add_argument("--vocab", type=Path, required=True, help="a GGUF file that has the vocabulary")
    arguments = cli.parse_args()
    preset = PRESETS[arguments.preset]
    try:
        make_model(arguments.preset, preset, TYPES[arguments.type], arguments.vocab, arguments.out)
    except (FormatError, OSError) as failure:
        sys.exit(f"make_model: {failure}")


if __name__ == "__main__":
    main()
