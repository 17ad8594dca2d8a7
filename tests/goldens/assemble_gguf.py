"""Makes the GGUF file of a recipe (generate_gguf.py) from the golden's own weights, and proves it by its SHA-256.

    python tests/goldens/assemble_gguf.py RECIPE.json CHECKPOINT OUT.gguf

Needs Python alone: all that is done to the bfloat16 weights is to widen them and to reorder their rows.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import sys
from pathlib import Path
from typing import Any


class Safetensors:
    def __init__(self, path: Path) -> None:
        content = path.read_bytes()
        (size,) = struct.unpack_from("<Q", content)
        self.entries: dict[str, Any] = json.loads(content[8 : 8 + size])
        self.data = content[8 + size :]

    def as_f32(self, name: str) -> tuple[bytes, list[int]]:
        entry = self.entries[name]
        first, last = entry["data_offsets"]
        data = self.data[first:last]
        if entry["dtype"] == "F32":
            return data, entry["shape"]
        if entry["dtype"] != "BF16":
            raise ValueError(f"{name} is {entry['dtype']}; BF16 or F32 is expected")
        wide = bytearray(2 * len(data))  # a bfloat16 is the upper half of a float
        wide[2::4] = data[0::2]
        wide[3::4] = data[1::2]
        return bytes(wide), entry["shape"]


def as_bf16(wide: bytes) -> bytes:
    narrow = bytearray(len(wide) // 2)
    narrow[0::2] = wide[2::4]
    narrow[1::2] = wide[3::4]
    return bytes(narrow)


def values_of(tensor: dict[str, Any], weights: Safetensors) -> bytes:
    if "f32" in tensor:
        return base64.b64decode(tensor["f32"])
    data, shape = weights.as_f32(tensor["from"])
    if "rows" in tensor:
        row = 4 * (shape[-1] if shape else 1)
        data = b"".join(data[i * row : (i + 1) * row] for i in tensor["rows"])
    return data


def assemble(recipe: dict[str, Any], checkpoint: Path) -> bytes:
    weights = Safetensors(checkpoint / "model.safetensors")
    out = bytearray(base64.b64decode(recipe["head"]))
    for tensor in recipe["tensors"]:
        out += bytes(tensor["offset"] - len(out))
        values = values_of(tensor, weights)
        out += as_bf16(values) if tensor["type"] == "bf16" else values
    out += bytes(recipe["bytes"] - len(out))
    found = hashlib.sha256(out).hexdigest()
    if found != recipe["sha256"]:
        raise ValueError(f"the file is not the converter's: SHA-256 {found} where {recipe['sha256']} is expected")
    return bytes(out)


def main() -> None:
    recipe, checkpoint, out = (Path(argument) for argument in sys.argv[1:])
    out.write_bytes(assemble(json.loads(recipe.read_text()), checkpoint))


if __name__ == "__main__":
    main()
