"""Writes and reads GGUF version 3 as far as pocket.gguf needs it, with q2_b, a 2-bit type of our own."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pocket.quantize import blocks

MAGIC, VERSION, ALIGNMENT = b"GGUF", 3, 32
F32, F16, Q8_0, Q2_B = 0, 1, 8, 1001
TYPE_NAMES = {F32: "F32", F16: "F16", Q8_0: "Q8_0", Q2_B: "q2_b"}
# Elements and bytes of a block.
BLOCK = {F32: (1, 4), F16: (1, 2), Q8_0: (32, blocks.Q8_0_BYTES), Q2_B: (32, blocks.Q2_B_BYTES)}

UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", UINT32: "I", INT32: "i", FLOAT32: "f", BOOL: "?", 10: "Q", 11: "q", 12: "d"}

Value = bool | int | float | str | Sequence[Any]


@dataclass(frozen=True)
class GgufTensor:
    """Rows of bytes in a format; `shape` is outermost first, as numpy has it."""

    type: int
    shape: tuple[int, ...]
    data: NDArray[np.uint8]

    def floats(self) -> NDArray[np.float32]:
        if self.type == F32:
            return self.data.view(np.float32).reshape(self.shape)
        if self.type == F16:
            return self.data.view(np.float16).astype(np.float32).reshape(self.shape)
        rows = self.data.reshape(self.shape[0], -1)
        decode = blocks.decode_q8_0 if self.type == Q8_0 else blocks.decode_q2_b
        return decode(rows).reshape(self.shape)


def tensor_of(type_: int, values: NDArray[np.float32]) -> GgufTensor:
    """Of a type that a row of floats decides: all but q2_b, whose scales are learned."""
    if type_ == Q8_0:
        data = blocks.encode_q8_0(np.ascontiguousarray(values, np.float32))
    else:
        data = np.ascontiguousarray(values, np.float32 if type_ == F32 else np.float16)
    return GgufTensor(type_, values.shape, np.ascontiguousarray(data).reshape(-1).view(np.uint8))


def _string(text: str) -> bytes:
    data = text.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def _type_of(value: Value) -> int:
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int):
        return UINT32 if value >= 0 else INT32
    if isinstance(value, float):
        return FLOAT32
    return STRING if isinstance(value, str) else ARRAY


def _payload(value: Value, kind: int) -> bytes:
    if kind == STRING:
        return _string(str(value))
    if kind == ARRAY:
        assert isinstance(value, list | tuple)
        kinds = {_type_of(item) for item in value}
        if len(kinds) > 1 and not kinds <= {UINT32, INT32}:
            raise ValueError(f"an array of several types: {value!r}")
        # Whole numbers in arrays are signed, as gguf-py writes them.
        item_kind = INT32 if kinds <= {UINT32, INT32} else kinds.pop()
        items = b"".join(_payload(item, item_kind) for item in value)
        return struct.pack("<IQ", item_kind, len(value)) + items
    return struct.pack("<" + _SCALARS[kind], value)


def write_gguf(path: Path | str, metadata: dict[str, Value], tensors: dict[str, GgufTensor]) -> None:
    """Whole or not at all: under another name first."""
    head = [MAGIC, struct.pack("<IQQ", VERSION, len(tensors), len(metadata))]
    for key, value in metadata.items():
        kind = _type_of(value)
        head += [_string(key), struct.pack("<I", kind), _payload(value, kind)]
    offset = 0
    for name, tensor in tensors.items():
        dims = tensor.shape[::-1]
        head += [
            _string(name),
            struct.pack(f"<I{len(dims)}Q", len(dims), *dims),
            struct.pack("<IQ", tensor.type, offset),
        ]
        offset += -(-tensor.data.nbytes // ALIGNMENT) * ALIGNMENT
    header = b"".join(head)
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(header + bytes(-len(header) % ALIGNMENT))
        for tensor in tensors.values():
            file.write(tensor.data.tobytes() + bytes(-tensor.data.nbytes % ALIGNMENT))
    partial.replace(path)


class _Cursor:
    def __init__(self, path: Path) -> None:
        self.path, self.data, self.at = path, path.read_bytes(), 0

    def take(self, layout: str) -> tuple[Any, ...]:
        size = struct.calcsize("<" + layout)
        if self.at + size > len(self.data):
            raise ValueError(f"{self.path}: ends at byte {len(self.data)}, {size} more expected at {self.at}")
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += size
        return values

    def string(self) -> str:
        (size,) = self.take("Q")
        return self.take(f"{size}s")[0].decode("utf-8")

    def value(self, kind: int) -> Any:
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            item_kind, count = self.take("IQ")
            return [self.value(item_kind) for _ in range(count)]
        if kind not in _SCALARS:
            raise ValueError(f"{self.path}: unknown metadata type {kind} at byte {self.at}")
        return self.take(_SCALARS[kind])[0]


def read_gguf(path: Path | str) -> tuple[dict[str, Any], dict[str, GgufTensor]]:
    cursor = _Cursor(Path(path))
    magic, version, tensor_count, value_count = cursor.take("4sIQQ")
    if magic != MAGIC or version != VERSION:
        raise ValueError(f"{path}: not a GGUF file of version {VERSION}")
    metadata = {}
    for _ in range(value_count):
        key = cursor.string()
        metadata[key] = cursor.value(cursor.take("I")[0])
    places = []
    for _ in range(tensor_count):
        name = cursor.string()
        dims = cursor.take(f"{cursor.take('I')[0]}Q")
        type_, offset = cursor.take("IQ")
        if type_ not in BLOCK:
            raise ValueError(f"{path}: tensor {name} has type {type_}, expected one of {sorted(BLOCK)}")
        places.append((name, tuple(dims[::-1]), type_, offset))
    base = -(-cursor.at // ALIGNMENT) * ALIGNMENT
    tensors = {}
    for name, shape, type_, offset in places:
        per_block, size = BLOCK[type_]
        count = int(np.prod(shape)) // per_block * size
        if base + offset + count > len(cursor.data):
            raise ValueError(f"{path}: tensor {name} reaches beyond the end of the file")
        data = np.frombuffer(cursor.data, np.uint8, count, base + offset)
        tensors[name] = GgufTensor(type_, shape, data)
    return metadata, tensors
