"""GGUF files: what a header says, and writing one tensor after another without holding them in memory."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

MAGIC = b"GGUF"
VERSION = 3
ALIGNMENT = 32
MOST_ITEMS = 1 << 24  # of an array or a header: more is not a model but garbage

U32, I32, F32, BOOL, STRING, ARRAY, U64 = 4, 5, 6, 7, 8, 9, 10
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", U32: "I", I32: "i", F32: "f", BOOL: "?", U64: "Q", 11: "q", 12: "d"}

Value = bool | int | float | str | bytes | list["Value"]


class FormatError(Exception):
    """The file is not the GGUF that it should be."""


@dataclass
class TensorInfo:
    name: str
    dims: tuple[int, ...]  # the first varies fastest
    type: int
    offset: int
    n_bytes: int = 0  # up to the next tensor: up to 31 bytes of padding count along

    @property
    def n_values(self) -> int:
        return math.prod(self.dims)


@dataclass
class Header:
    metadata: dict[str, Value] = field(default_factory=dict)
    tensors: list[TensorInfo] = field(default_factory=list)

    def number(self, key: str, default: int = 0) -> int:
        """`key` without the architecture's name before it."""
        value = self.metadata.get(f"{self.metadata.get('general.architecture')}.{key}", default)
        return value if isinstance(value, int) else default


class Reader:
    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    def exactly(self, n_bytes: int) -> bytes:
        raw = self.file.read(n_bytes)
        if len(raw) != n_bytes:
            raise FormatError("the file ends within its header")
        return raw

    def unpack(self, letters: str) -> tuple[int | float | bool, ...]:
        return struct.unpack("<" + letters, self.exactly(struct.calcsize("<" + letters)))

    def count(self) -> int:
        n = int(self.unpack("Q")[0])
        if n > MOST_ITEMS:
            raise FormatError(f"a length of {n} in the header")
        return n

    def text(self) -> bytes:
        return self.exactly(self.count())

    def value(self, kind: int) -> Value:
        if kind == STRING:
            return self.text()
        if kind == ARRAY:
            element = int(self.unpack("I")[0])
            n = self.count()
            if element in SCALARS:
                return list(self.unpack(f"{n}{SCALARS[element]}"))
            return [self.value(element) for _ in range(n)]
        if kind not in SCALARS:
            raise FormatError(f"a value of the unknown type {kind}")
        return self.unpack(SCALARS[kind])[0]

    def header(self) -> Header:
        if self.exactly(4) != MAGIC:
            raise FormatError("not a GGUF file")
        version = int(self.unpack("I")[0])
        if version not in (2, VERSION):
            raise FormatError(f"GGUF version {version}; 2 and 3 can be read")
        n_tensors, n_values = self.count(), self.count()
        header = Header()
        for _ in range(n_values):
            key = self.text().decode()
            value = self.value(int(self.unpack("I")[0]))
            # Vocabularies need not be UTF-8 piece by piece and stay bytes.
            header.metadata[key] = value.decode() if isinstance(value, bytes) else value
        for _ in range(n_tensors):
            name = self.text().decode()
            rank = int(self.unpack("I")[0])
            dims = tuple(int(d) for d in self.unpack(f"{min(rank, 8)}Q"))
            kind, offset = self.unpack("IQ")
            header.tensors.append(TensorInfo(name, dims, int(kind), int(offset)))
        return header


def read_header(path: Path) -> Header:
    with path.open("rb") as file:
        header = Reader(file).header()
        alignment = header.metadata.get("general.alignment", ALIGNMENT)
        data_begin = align(file.tell(), alignment if isinstance(alignment, int) else ALIGNMENT)
    end = path.stat().st_size - data_begin
    for tensor in sorted(header.tensors, key=lambda t: t.offset, reverse=True):
        tensor.n_bytes, end = end - tensor.offset, tensor.offset
    return header


def align(n: int, to: int = ALIGNMENT) -> int:
    return (n + to - 1) // to * to


def encode_text(text: str | bytes) -> bytes:
    raw = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(raw)) + raw


def encode_value(value: Value) -> tuple[int, bytes]:
    """The type of a value and its bytes."""
    if isinstance(value, bool):
        return BOOL, struct.pack("<?", value)
    if isinstance(value, int):
        return (U32 if value >= 0 else I32), struct.pack("<I" if value >= 0 else "<i", value)
    if isinstance(value, float):
        return F32, struct.pack("<f", value)
    if isinstance(value, (str, bytes)):
        return STRING, encode_text(value)
    return ARRAY, encode_array(value)


def encode_array(values: Sequence[Value]) -> bytes:
    if all(isinstance(value, (str, bytes)) for value in values):
        return struct.pack("<IQ", STRING, len(values)) + b"".join(
            encode_text(value) for value in values if isinstance(value, (str, bytes))
        )
    kind, letter = (F32, "f") if any(isinstance(value, float) for value in values) else (I32, "i")
    return struct.pack(f"<IQ{len(values)}{letter}", kind, len(values), *values)


@dataclass
class Planned:
    """A tensor to be written."""

    name: str
    dims: tuple[int, ...]
    type: int
    n_bytes: int


def write_header(file: BinaryIO, metadata: dict[str, Value], tensors: Iterable[Planned]) -> None:
    """Everything before the first tensor's bytes. Each tensor then fills its bytes and those up to the alignment."""
    planned = list(tensors)
    head = MAGIC + struct.pack("<IQQ", VERSION, len(planned), len(metadata))
    parts = [head]
    for key, value in metadata.items():
        kind, raw = encode_value(value)
        parts.append(encode_text(key) + struct.pack("<I", kind) + raw)
    offset = 0
    for tensor in planned:
        dims = struct.pack(f"<I{len(tensor.dims)}Q", len(tensor.dims), *tensor.dims)
        parts.append(encode_text(tensor.name) + dims + struct.pack("<IQ", tensor.type, offset))
        offset += align(tensor.n_bytes)
    raw = b"".join(parts)
    file.write(raw + bytes(align(len(raw)) - len(raw)))
