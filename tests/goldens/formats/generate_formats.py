"""Writes small model files with the reference Python packages, and what their readers say about files.

    python generate_formats.py --data tests/data/formats [--shared ../shared]

Into --data: small.gguf (every metadata type, several tensor types), split GGUF files, a sharded Hugging Face folder,
and expected.json, which describes them. With --shared, also expected_shared.json, which describes the GGUF
vocabularies and some checkpoints there. Deterministic for the same package versions.
"""

from __future__ import annotations

import argparse
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

SHARED_FOLDERS = [
    "text/llama2",
    "text/gpt_oss_mxfp4",
    "multimodal/clip",
    "multimodal/llava",
    "multimodal/mobilevlm_v2",
    "multimodal/whisper",
]
N_FIRST = 4

ScalarType = gguf.GGUFValueType


def describe_tensor(name: str, dtype: str, shape: list[int], raw: bytes, first: list[float]) -> dict[str, Any]:
    return {
        "name": name,
        "dtype": dtype.lower(),
        "shape": shape,
        "bytes": len(raw),
        "crc32": zlib.crc32(raw),
        "first": [float(x) for x in first],
    }


def describe_field(field: gguf.ReaderField) -> dict[str, Any]:
    """Type, element count and a checksum of what the value means: numbers as f64, strings as UTF-8 with a zero."""
    kind = field.types[0]
    out: dict[str, Any] = {"type": kind.name.lower()}
    element = field.types[-1]
    parts = [field.parts[i] for i in field.data]
    if kind == ScalarType.ARRAY:
        out["element"] = element.name.lower()
        out["count"] = len(parts)
    if element == ScalarType.STRING:
        raw = b"".join(bytes(part) + b"\0" for part in parts)
    else:
        raw = b"".join(struct.pack("<d", float(part[0])) for part in parts)
    out["crc32"] = zlib.crc32(raw)
    return out


def describe_gguf(path: Path) -> dict[str, Any]:
    reader = gguf.GGUFReader(path)
    keys = {name: describe_field(field) for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    tensors = []
    for tensor in reader.tensors:
        raw = tensor.data.tobytes()
        plain = tensor.tensor_type in (gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.F16)
        first = tensor.data.reshape(-1)[:N_FIRST].astype(np.float64).tolist() if plain else []
        shape = [int(dim) for dim in reversed(tensor.shape)]
        tensors.append(describe_tensor(tensor.name, tensor.tensor_type.name, shape, raw, first))
    return {"keys": keys, "tensors": tensors}


def describe_safetensors(paths: list[Path]) -> dict[str, Any]:
    tensors = []
    for path in paths:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():
                tensor = file.get_tensor(name)
                raw = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""
                first = tensor.reshape(-1)[:N_FIRST].to(torch.float64).tolist()
                tensors.append(describe_tensor(name, file.get_slice(name).get_dtype(), list(tensor.shape), raw, first))
    return {"tensors": sorted(tensors, key=lambda tensor: tensor["name"])}


def write_small_gguf(path: Path) -> None:
    random = np.random.default_rng(7)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_uint8("test.u8", 200)
    writer.add_int8("test.i8", -100)
    writer.add_uint16("test.u16", 60000)
    writer.add_int16("test.i16", -30000)
    writer.add_uint32("test.u32", 4_000_000_000)
    writer.add_int32("test.i32", -2_000_000_000)
    writer.add_float32("test.f32", 0.25)
    writer.add_bool("test.bool", True)
    writer.add_string("test.string", "käse\n")
    writer.add_uint64("test.u64", 2**63 + 5)
    writer.add_int64("test.i64", -(2**62))
    writer.add_float64("test.f64", 0.1)
    writer.add_array("test.ints", [1, -2, 3])
    writer.add_array("test.floats", [0.5, -1.5])
    writer.add_array("test.bools", [True, False, True])
    writer.add_token_list(["<s>", "a", "ä", ""])
    writer.add_token_scores([0.0, -1.0, -2.0, -3.0])
    writer.add_token_types([3, 1, 1, 1])
    writer.add_chat_template([{"name": "default", "template": "d"}, {"name": "tool_use", "template": "t"}])
    writer.add_tensor("vector", random.standard_normal(5, dtype=np.float32))
    writer.add_tensor("matrix", random.standard_normal((3, 4), dtype=np.float32).astype(np.float16))
    writer.add_tensor("cube", random.standard_normal((2, 3, 4), dtype=np.float32))
    for kind in (
        gguf.GGMLQuantizationType.Q4_0,
        gguf.GGMLQuantizationType.Q4_1,
        gguf.GGMLQuantizationType.Q8_0,
        gguf.GGMLQuantizationType.BF16,
    ):
        rows = gguf.quantize(random.standard_normal((3, 64), dtype=np.float32), kind)
        writer.add_tensor(f"rows.{kind.name}", rows, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_split_gguf(folder: Path) -> None:
    writer = gguf.GGUFWriter(folder / "split.gguf", "llama", split_max_tensors=2)
    for i in range(5):
        writer.add_tensor(f"t{i}", np.full((2, 2), i, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_sharded_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(7)
    plain = {
        "bool": torch.bool,
        "u8": torch.uint8,
        "i8": torch.int8,
        "i16": torch.int16,
        "i32": torch.int32,
        "i64": torch.int64,
        "f16": torch.float16,
        "bf16": torch.bfloat16,
        "f32": torch.float32,
        "f64": torch.float64,
    }
    first = {f"of.{name}": (torch.randn(3, 5) * 4).to(dtype) for name, dtype in plain.items()}
    second = {"scalar": torch.tensor(2.5), "empty": torch.zeros(0, 4), "deep": torch.randn(1, 2, 1, 3, 1)}
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    for name, tensors in zip(names, (first, second), strict=True):
        save_file(tensors, folder / name, metadata={"format": "pt"})
    weight_map = {key: names[0] for key in first} | {key: names[1] for key in second}
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1, sort_keys=True) + "\n")
    for name in names:
        (folder / name).chmod(0o644)
    (folder / "config.json").write_text('{\n "model_type": "llama"\n}\n')


def write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=None, separators=(",", ":"), sort_keys=True) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--shared", type=Path)
    args = parser.parse_args()
    args.data.mkdir(parents=True, exist_ok=True)
    write_small_gguf(args.data / "small.gguf")
    write_split_gguf(args.data)
    write_sharded_folder(args.data / "sharded")
    splits = [describe_gguf(path)["tensors"] for path in sorted(args.data.glob("split-*.gguf"))]
    write_json(
        args.data / "expected.json",
        {
            "small.gguf": describe_gguf(args.data / "small.gguf"),
            "split-00001-of-00003.gguf": {"tensors": sum(splits, [])},
            "sharded": describe_safetensors(sorted((args.data / "sharded").glob("*.safetensors"))),
        },
    )
    if args.shared is None:
        return
    described: dict[str, Any] = {}
    for path in sorted((args.shared / "tokenizers").glob("*.gguf")):
        described[f"tokenizers/{path.name}"] = describe_gguf(path)
    for folder in SHARED_FOLDERS:
        described[f"goldens/{folder}"] = describe_safetensors([args.shared / "goldens" / folder / "model.safetensors"])
    write_json(args.data / "expected_shared.json", described)


if __name__ == "__main__":
    main()
