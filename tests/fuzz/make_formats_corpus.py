"""Writes the seeds of the fuzzers of model files: python make_formats_corpus.py (into corpus/ beside this file)."""

from __future__ import annotations

import json
import struct
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
U8, U32, F32, BOOL, STRING, ARRAY, U64 = 0, 4, 6, 7, 8, 9, 10


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def key(name: str, kind: int, value: bytes) -> bytes:
    return text(name) + struct.pack("<I", kind) + value


def array(element: int, count: int, values: bytes) -> bytes:
    return struct.pack("<IQ", element, count) + values


def tensor(name: str, dims: list[int], kind: int, offset: int) -> bytes:
    return text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset)


def gguf(keys: list[bytes], tensors: list[bytes], data: bytes, version: int = 3, alignment: int = 32) -> bytes:
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys)) + b"".join(keys) + b"".join(tensors)
    return out + b"\0" * (-len(out) % alignment) + data


def gguf_seeds() -> dict[str, bytes]:
    arch = key("general.architecture", STRING, text("llama"))
    plain = gguf([arch], [tensor("a", [2, 3], 0, 0), tensor("q", [32, 2], 2, 32)], bytes(96))
    vocabulary = [
        arch,
        key("tokenizer.ggml.tokens", ARRAY, array(STRING, 2, text("<s>") + text("a"))),
        key("tokenizer.ggml.scores", ARRAY, array(F32, 2, struct.pack("<2f", 0, -1))),
        key("tokenizer.ggml.token_type", ARRAY, array(5, 2, struct.pack("<2i", 3, 1))),
        key("tokenizer.chat_template", STRING, text("{{ x }}")),
        key("tokenizer.chat_templates", ARRAY, array(STRING, 1, text("rag"))),
        key("tokenizer.chat_template.rag", STRING, text("r")),
    ]
    every_type = [
        key(f"k{kind}", kind, bytes(size))
        for kind, size in [
            (0, 1),
            (1, 1),
            (2, 2),
            (3, 2),
            (4, 4),
            (5, 4),
            (6, 4),
            (7, 1),
            (8, 8),
            (10, 8),
            (11, 8),
            (12, 8),
        ]
    ]
    nested = array(ARRAY, 2, array(BOOL, 2, b"\1\0") + array(ARRAY, 1, array(U8, 1, b"\7")))
    alignment = key("general.alignment", U32, struct.pack("<I", 64))
    return {
        "plain": plain,
        "version2": gguf([arch], [tensor("a", [1], 0, 0)], bytes(32), version=2),
        "vocabulary": gguf(vocabulary, [], b""),
        "every_type": gguf(every_type, [], b""),
        "nested": gguf([key("n", ARRAY, nested)], [], b""),
        "alignment": gguf([alignment], [tensor("a", [1], 0, 0), tensor("b", [], 24, 64)], bytes(128), alignment=64),
        "cut": plain[:-60],
        "overflow": gguf([arch], [tensor("a", [1 << 32, 1 << 32], 0, 0)], bytes(32)),
    }


def safetensors(header: str, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header.encode() + data


def entry(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def safetensors_seeds() -> dict[str, bytes]:
    two = {"__metadata__": {"format": "pt"}, "b": entry("I16", [3], 8, 14), "a": entry("F32", [2, 1], 0, 8)}
    odd = {"f8": entry("F8_E4M3", [3], 0, 3), "f4": entry("F4", [2], 3, 4), "e": entry("U8", [0], 4, 4)}
    overlap = {"a": entry("U8", [8], 0, 8), "b": entry("U8", [8], 4, 12)}
    index = {"metadata": {}, "weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}
    return {
        "two": safetensors(json.dumps(two), bytes(14)),
        "odd_types": safetensors(json.dumps(odd), bytes(4)),
        "overlap": safetensors(json.dumps(overlap), bytes(12)),
        "empty": safetensors("{}"),
        "repeated": safetensors('{"a":{},"a":{}}'),
        "index": json.dumps(index).encode(),
        "index_path": json.dumps({"weight_map": {"a": "../m"}}).encode(),
    }


def json_config_seeds() -> dict[str, bytes]:
    config = {
        "model_type": "qwen2_vl",
        "hidden_size": 64,
        "rope_scaling": {"type": "mrope", "mrope_section": [2, 3]},
        "tie_word_embeddings": True,
        "rms_norm_eps": 1e-6,
        "torch_dtype": None,
    }
    templates = {"chat_template": [{"name": "default", "template": "{{ x }}"}, {"name": "rag", "template": "r"}]}
    return {
        "config": json.dumps(config).encode(),
        "template": json.dumps({"chat_template": 'a\n"b"'}).encode(),
        "templates": json.dumps(templates).encode(),
        "python_numbers": b'{"a": NaN, "b": [Infinity, -Infinity], "c": "NaN"}',
        "numbers": b'{"a": 1e999, "b": 18446744073709551616, "c": -0, "d": 9007199254740993.0}',
        "repeated": b'{"a": 1, "a": {"b": 2}}',
        "byte_order_mark": b"\xef\xbb\xbf{}",
    }


def short_text(value: str) -> bytes:
    return struct.pack("<I", len(value)) + value.encode()


def pack_index(tensors: list[tuple[str, int, int, int, int, int]], total: int) -> bytes:
    """Tensors: name, ggml type, matrices, rows, columns, bytes of a matrix. The fuzzer makes the hash right."""
    body = struct.pack("<Q", 7) + short_text("avx2") + short_text("/m.gguf")
    size = 40 + len(body) + sum(4 + len(name) + 80 for name, *_ in tensors)
    at = size
    for group, (name, kind, matrices, rows, columns, count) in enumerate(tensors):
        at += -at % 64
        stride = count + -count % 64
        numbers = (kind, matrices, rows, columns, 0, 5, group, at, stride, matrices * count, 0)
        body += short_text(name) + struct.pack("<iqqqQQIQQQQ", *numbers)
        at += (matrices - 1) * stride + count
    head = b"GALAPACK" + struct.pack("<IIQQQ", 2, len(tensors), size, total or at, 0)
    return head + body + bytes(at - size)


def pack_index_seeds() -> dict[str, bytes]:
    two = pack_index([("a", 2, 1, 16, 32, 288), ("b", 0, 1, 3, 2, 64)], 0)
    return {
        "two": two,
        "none": pack_index([], 0),
        "cut": two[:-100],
        "twice": pack_index([("a", 2, 1, 16, 32, 288), ("a", 2, 1, 16, 32, 288)], 0),
        "stack": pack_index([("a", 2, 3, 16, 32, 288)], 0),
        "too_few_bytes": pack_index([("a", 2, 1, 16, 32, 18)], 0),
        "overflow": pack_index([("a", 0, 1, 1 << 62, 1 << 62, 64)], 0),
    }


def main() -> None:
    for target, seeds in (
        ("gguf", gguf_seeds()),
        ("safetensors", safetensors_seeds()),
        ("json_config", json_config_seeds()),
        ("pack_index", pack_index_seeds()),
    ):
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in seeds.items():
            (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
