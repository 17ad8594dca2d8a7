"""Writes small GGUF files, well formed or not, without any package."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

U32, F32, BOOL, STRING, ARRAY = 4, 6, 7, 8, 9

Value = bool | int | float | str | bytes | Sequence["Value"]


def _string(text: str | bytes) -> bytes:
    raw = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _encode(value: Value) -> tuple[int, bytes]:
    """The type and the bytes of a value."""
    if isinstance(value, bool):
        return BOOL, struct.pack("<?", value)
    if isinstance(value, int):
        return U32, struct.pack("<I", value)
    if isinstance(value, float):
        return F32, struct.pack("<f", value)
    if isinstance(value, str | bytes):
        return STRING, _string(value)
    encoded = [_encode(element) for element in value]
    return ARRAY, struct.pack("<IQ", encoded[0][0], len(encoded)) + b"".join(raw for _, raw in encoded)


def gguf(metadata: Mapping[str | bytes, Value], tensors: Mapping[str, Sequence[float]] | None = None) -> bytes:
    """A GGUF v3 file with one-dimensional f32 tensors."""
    tensors = tensors or {}
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(metadata))
    for key, value in metadata.items():
        kind, raw = _encode(value)
        head += _string(key) + struct.pack("<I", kind) + raw
    data = b""
    for name, values in tensors.items():
        data += bytes(-len(data) % 32)
        head += _string(name) + struct.pack("<IQIQ", 1, len(values), 0, len(data))
        data += struct.pack(f"<{len(values)}f", *values)
    return head + bytes(-len(head) % 32) + data


def vocabulary() -> dict[str | bytes, Value]:
    """A byte-level BPE of ASCII letters that knows "hello" and one special token."""
    letters = [chr(code) for code in range(33, 127)] + ["Ġ", "Ċ"]
    merges = ["h e", "l l", "he ll", "hell o", "Ġ hello"]
    tokens = ["<|end|>", *letters, *(merge.replace(" ", "") for merge in merges)]
    return {
        "general.architecture": "llama",
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3] + [1] * (len(tokens) - 1),
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.bos_token_id": 0,
        "tokenizer.ggml.eos_token_id": 0,
        "tokenizer.ggml.add_bos_token": True,
    }
