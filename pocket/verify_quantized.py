"""What 2 bits cost: the float model beside the INT2 one, task by task, in the engine.

    python -m pocket.verify_quantized --original run/read/float.pt run/see/float.pt --quantized pocket.gguf \
        --engine build/cli/galago
Both run in the engine, the float model as a file of 16-bit weights; without --engine both run in torch. Exits with 1
where a measure loses more than --tolerance points of a hundred.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import torch

from pocket.evaluate import answers_of
from pocket.evaluation.data import load
from pocket.evaluation.scores import LOWER_IS_BETTER, NOT_COMPARED, TASKS, evaluate
from pocket.gguf_model import write_model
from pocket.training.build import joined


def losses(original: dict[str, float], quantized: dict[str, float]) -> dict[str, tuple[float, float, float]]:
    """Both values of each measure, and the points lost. CIDEr-D is already counted in hundredths."""
    out = {}
    for name, before in original.items():
        if name in NOT_COMPARED or name not in quantized:
            continue
        after = quantized[name]
        lost = after - before if name in LOWER_IS_BETTER else before - after
        out[name] = (before, after, lost if "x100" in name else 100 * lost)
    return out


def main(arguments: list[str] | None = None) -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--original", type=Path, nargs="+", required=True, help="float checkpoints, or a .gguf")
    p.add_argument("--quantized", type=Path, nargs="+", required=True, help="a .gguf of 2 bits, or checkpoints")
    p.add_argument("--engine", type=Path, help="the program galago")
    p.add_argument("--test_data", "--dataset", default="test_set", help="as of evaluate --dataset")
    p.add_argument("--tasks", default=",".join(TASKS))
    p.add_argument("--all", action="store_true")
    p.add_argument("--limit", type=int)
    p.add_argument("--tolerance", type=float, default=2.0, help="points of a hundred that may be lost")
    p.add_argument("--threads", type=int, default=1)
    a = p.parse_args(arguments)
    torch.set_num_threads(a.threads)
    tasks = a.tasks.split(",")
    samples, texts = load(a.test_data, a.all, a.limit, tasks)
    with tempfile.TemporaryDirectory() as folder:
        original, quantized = a.original, a.quantized
        if a.engine:
            original = [_file(a.original, Path(folder) / "float.gguf", "f16")]
            quantized = [_file(a.quantized, Path(folder) / "int2.gguf", "int2")]
        scores = [evaluate(answers_of(models, a.engine), tasks, samples, texts) for models in (original, quantized)]
    found = losses(*scores)
    print("| measure | float | INT2 | points lost |\n|---|---|---|---|")
    for name, (before, after, lost) in found.items():
        print(f"| {name} | {before:.4f} | {after:.4f} | {lost:+.2f} |")
    # Types of a task are few items each; the tasks' own figures decide.
    too_much = [
        n
        for n, (_, _, lost) in found.items()
        if lost > a.tolerance and n.count("/") == 1 and (not n.startswith("ask/") or n == "ask/mean")
    ]
    for name in too_much:
        print(f"{name}: {found[name][2]:.2f} points lost, {a.tolerance} allowed")
    return 1 if too_much else 0


def _file(models: list[Path], target: Path, weights: str) -> Path:
    if len(models) == 1 and models[0].suffix == ".gguf":
        return models[0]
    write_model(joined(*models), target, weights)
    return target


if __name__ == "__main__":
    sys.exit(main())
