"""Writes tests/data/goldens/gguf/NAME-TYPE.json: recipes of the GGUF files that llama.cpp's converter makes of goldens.

    python tests/goldens/generate_gguf.py LLAMA_CPP GOLDENS_TEXT [--keep FOLDER]

LLAMA_CPP holds convert_hf_to_gguf.py (the sdist of llama-cpp-python has it in vendor/llama.cpp); needs what that needs.
The goldens have no tokenizer, so its step is left out of the converter; all else is the converter's: names, metadata,
permuted rows, tensors of its own. A recipe holds everything before the first tensor, where each tensor's rows come
from, and the SHA-256 of the whole, so that assemble_gguf.py makes the same file, byte for byte, without the converter.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path

# The converter needs the gguf package that lies beside it, not an installed one.
LLAMA_CPP = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
sys.path[:0] = [str(LLAMA_CPP), str(LLAMA_CPP / "gguf-py")]

import gguf  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

NAMES = ("llama2", "tinyllama", "llama3", "mobilellama", "yi", "smollm2", "qwen1_5", "qwen2_5", "qwen3")
TYPES = {"f32": gguf.LlamaFileType.ALL_F32, "bf16": gguf.LlamaFileType.MOSTLY_BF16}
OUT = Path(__file__).resolve().parents[1] / "data" / "goldens" / "gguf"


def convert(checkpoint: Path, file_type: gguf.LlamaFileType, out: Path) -> None:
    from conversion import get_model_class
    from conversion.base import ModelBase, ModelType, get_model_architecture

    config = ModelBase.load_hparams(checkpoint, False)
    model_class = get_model_class(get_model_architecture(config, ModelType.TEXT))
    model_class.set_vocab = lambda _: None
    with torch.inference_mode():
        model_class(checkpoint, file_type, out, model_name=checkpoint.name).write()


class Sources:
    """Finds the rows of a converted tensor among those of the checkpoint."""

    def __init__(self, checkpoint: Path) -> None:
        self.rows: dict[str, list[bytes]] = {}
        for name, tensor in load_file(checkpoint / "model.safetensors").items():
            values = tensor.float().numpy()
            self.rows[name] = [row.tobytes() for row in values.reshape(-1, values.shape[-1] if values.ndim else 1)]

    def find(self, values: np.ndarray) -> dict[str, object]:
        rows = [row.tobytes() for row in values.reshape(-1, values.shape[-1])]
        for name, known in self.rows.items():
            if rows == known:
                return {"from": name}
        for name, known in self.rows.items():
            place = {row: i for i, row in enumerate(known)}
            if len(known) == len(rows) and len(place) == len(rows) and all(row in place for row in rows):
                return {"from": name, "rows": [place[row] for row in rows]}
        return {"f32": base64.b64encode(values.astype("<f4").tobytes()).decode()}


def as_float(tensor: gguf.ReaderTensor) -> np.ndarray:
    return gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)


def recipe_of(file: Path, checkpoint: Path) -> dict[str, object]:
    sources = Sources(checkpoint)
    reader = gguf.GGUFReader(file)
    content = file.read_bytes()
    tensors = []
    for tensor in sorted(reader.tensors, key=lambda t: t.data_offset):
        found = sources.find(as_float(tensor))
        tensors.append(
            {"name": tensor.name, "type": tensor.tensor_type.name.lower(), "offset": int(tensor.data_offset), **found}
        )
    return {
        "golden": checkpoint.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "head": base64.b64encode(content[: tensors[0]["offset"]]).decode(),
        "tensors": tensors,
    }


def write_recipe(recipe: dict[str, object], path: Path) -> None:
    """One line for each tensor."""
    lines = [json.dumps(tensor) for tensor in recipe.pop("tensors")]
    head = json.dumps(recipe, indent=0)[:-2]
    path.write_text(head + ',\n"tensors": [\n' + ",\n".join(lines) + "\n]\n}\n")


def write_quantized(file: Path, out: Path) -> None:
    """The same model with its matrices in Q4_0, for what needs no expected values: int8 arithmetic has its own."""
    reader = gguf.GGUFReader(file)
    writer = gguf.GGUFWriter(out, reader.get_field("general.architecture").contents())
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        writer.add_key_value(field.name, field.contents(), field.types[0])
    for tensor in reader.tensors:
        values = as_float(tensor)
        if values.ndim == 2:
            kind = gguf.GGMLQuantizationType.Q4_0
            writer.add_tensor(tensor.name, gguf.quants.quantize(values, kind), raw_dtype=kind)
        else:
            writer.add_tensor(tensor.name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("llama_cpp", type=Path)
    parser.add_argument("goldens", type=Path)
    parser.add_argument("--keep", type=Path, help="keep the converted files here")
    args = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        for name in NAMES:
            checkpoint = Path(work) / name
            shutil.copytree(args.goldens / name, checkpoint)
            checkpoint.chmod(0o755)
            (checkpoint / "expected.safetensors").unlink()  # the converter would take it for a shard
            for type_name, file_type in TYPES.items():
                file = Path(work) / f"{name}-{type_name}.gguf"
                convert(checkpoint, file_type, file)
                write_recipe(recipe_of(file, checkpoint), OUT / f"{name}-{type_name}.json")
                if (name, type_name) == ("smollm2", "f32"):
                    write_quantized(file, OUT / "smollm2-q4_0.gguf")
                if args.keep:
                    args.keep.mkdir(parents=True, exist_ok=True)
                    shutil.copy(file, args.keep)


if __name__ == "__main__":
    main()
