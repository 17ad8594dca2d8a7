"""Writes trained models as pocket.gguf, and as ONNX.

    python -m pocket.export --model run/read/last.pt run/see/last.pt --out pocket.gguf --weights int2
    python -m pocket.export --model pocket.gguf --onnx DIR
        see.onnx, lines.onnx, reader.onnx, decoder.onnx, text.onnx
The averaged weights of checkpoints are taken. Without quantization-aware training, 2-bit weights are merely rounded,
and the model is useless: the program says so.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from pocket.gguf_model import WEIGHTS, write_model
from pocket.gguf_writer import TYPE_NAMES, read_gguf
from pocket.quantize import fake
from pocket.training.build import joined


def summary(path: Path) -> str:
    """Sizes by type."""
    _, tensors = read_gguf(path)
    sizes: dict[str, list[int]] = {}
    for tensor in tensors.values():
        entry = sizes.setdefault(TYPE_NAMES[tensor.type], [0, 0])
        count = 1
        for size in tensor.shape:
            count *= size
        entry[0] += count
        entry[1] += tensor.data.nbytes
    parts = ", ".join(f"{name}: {n / 1e6:.2f} M weights in {b / 1e6:.2f} MB" for name, (n, b) in sizes.items())
    return f"{path}: {path.stat().st_size / 1e6:.2f} MB ({parts})"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model",
        "--model_path",
        type=Path,
        nargs="+",
        required=True,
        help="a pocket.gguf, or checkpoints of the reader and of the rest",
    )
    parser.add_argument("--out", type=Path, help="the pocket.gguf to write")
    parser.add_argument("--weights", choices=WEIGHTS, default="int2")
    parser.add_argument("--onnx", type=Path, help="folder for ONNX files, each checked by onnxruntime")
    a = parser.parse_args(arguments)
    if not (a.out or a.onnx):
        raise SystemExit("nothing to write: give --out, --onnx, or both")
    model = joined(*a.model)
    if a.out:
        if a.weights == "int2" and not fake.is_on(model):
            print("warning: these weights were not trained for 2 bits (train_multitask --quantize, quantize_int2)")
        write_model(model, a.out, a.weights)
        print(summary(a.out))
    if a.onnx:
        from pocket.onnx_export import export_onnx

        for path, error in export_onnx(model, a.onnx).items():
            size = path.stat().st_size / 1e6
            print(f"{path}: {size:.2f} MB, largest difference from torch {error:.2g} of the deviation")


if __name__ == "__main__":
    main()
