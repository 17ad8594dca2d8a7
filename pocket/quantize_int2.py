"""Weights of 2 bits for a trained model: which layers they hurt, training with them, calibration, the file.

    python -m pocket.quantize_int2 --model_path run/read/last.pt run/see/last.pt --calibration_data SHARDS \
        --target_hardware cpu --minutes 60 --out pocket.gguf
Rounding alone ruins the model; --minutes (or --samples) of training with rounded weights for each part repair it.
Better is to switch them on while the rate is still high (train_multitask --quantize); then this calibrates, reports
and exports.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

import torch
from torch import nn

from pocket import train_multitask
from pocket.export import summary
from pocket.gguf_model import write_model
from pocket.model.blocks import has_quantizer
from pocket.model.pocket_model import PocketModel
from pocket.quantize import fake
from pocket.training.build import SEE_TASKS, build_task, joined, model_of
from pocket.training.checkpoints import LAST, load_checkpoint, seed_everything
from pocket.training.loop import Task

TARGETS = ("cpu", "hexagon_v73", "snapdragon_8gen3")  # one file for all: names are kept in it
BATCHES = 8


@torch.no_grad()
def calibrate(model: nn.Module, task: Task, batches: int) -> None:
    """Statistics of norms for the rounded weights: those of training lag behind."""
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    kept = [(n, n.momentum) for n in norms]
    for k in range(batches):
        for norm, _ in kept:
            norm.momentum = 1 / (k + 1)
        model.train()
        task.loss(model, task.next_batch())
    for norm, momentum in kept:
        norm.momentum = momentum
    model.eval()


@torch.no_grad()
def sensitivity(model: nn.Module, task: Task, batches: int) -> list[tuple[str, int, float]]:
    """For each 2-bit layer its weights, and how much the loss grows when it alone is rounded; the worst first."""
    two = fake.switch_on(model)
    quantizers = {n: m.quantizer for n, m in model.named_modules() if has_quantizer(m)}
    fake.switch_off(model)
    model.eval()
    data = [task.next_batch() for _ in range(batches)]

    def loss() -> float:
        state = torch.get_rng_state()
        torch.manual_seed(0)  # the same augmentation each time
        value = sum(task.loss(model, batch)[0].item() for batch in data) / len(data)
        torch.set_rng_state(state)
        return value

    before = loss()
    out = []
    for name in two:
        module = model.get_submodule(name)
        module.quantizer = quantizers[name]
        out.append((name, module.weight.numel(), loss() - before))  # type: ignore[union-attr,operator]
        module.quantizer = None
    for name, quantizer in quantizers.items():
        model.get_submodule(name).quantizer = quantizer
    return sorted(out, key=lambda row: -row[2])


def report(rows: list[tuple[str, int, float]]) -> str:
    lines = ["| layer | weights | loss added by its 2 bits alone |", "|---|---|---|"]
    return "\n".join(lines + [f"| {name} | {count} | {added:+.4f} |" for name, count, added in rows]) + "\n"


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument(
        "--model_path", type=Path, nargs="+", required=True, help="checkpoints of the reader and of the rest"
    )
    p.add_argument("--calibration_data", type=Path, required=True, help="folder of shards, as train_multitask --data")
    p.add_argument("--target_hardware", choices=TARGETS, default="cpu")
    p.add_argument("--datasets", default="", help="as of train_multitask")
    p.add_argument("--minutes", type=float, default=0, help="of training with rounded weights, for each checkpoint")
    p.add_argument("--samples", type=int, help="instead of minutes")
    p.add_argument("--batch_size", type=int, default=24)
    p.add_argument("--learning_rate", type=float, default=5e-4)
    p.add_argument("--batches", type=int, default=BATCHES, help="for calibration and for the report")
    p.add_argument("--work", type=Path, default=Path("quantized"), help="folder for checkpoints and reports")
    p.add_argument("--out", type=Path, help="the pocket.gguf to write; needs both parts")
    p.add_argument("--seed", type=int, default=1)
    return p


def training_arguments(a: argparse.Namespace, tasks: list[str], place: Path) -> list[str]:
    line = (
        f"--tasks {','.join(tasks)} --data {shlex.quote(str(a.calibration_data))} --batch_size {a.batch_size} "
        f"--learning_rate {a.learning_rate} --checkpoints {shlex.quote(str(place))} --schedule cosine --warmup 20 "
        f"--seed {a.seed} --quantize"
    )
    out = shlex.split(line) + (["--datasets", a.datasets] if a.datasets else [])
    return out + (["--samples", str(a.samples)] if a.samples else ["--minutes", str(a.minutes)])


def quantize_part(a: argparse.Namespace, path: Path) -> Path:
    """Report, training, calibration; returns the checkpoint."""
    state = load_checkpoint(path)
    model = model_of(state)
    tasks = ["read"] if model.has_reader and not model.has_rest else list(SEE_TASKS)
    name = "reader" if tasks == ["read"] else "see"
    place: Path = a.work / name
    place.mkdir(parents=True, exist_ok=True)
    arguments = train_multitask.parser().parse_args(training_arguments(a, tasks, place))
    task = build_task(arguments, tasks, model, torch.device("cpu"), state)
    if not fake.is_on(model):
        rows = sensitivity(model, task, a.batches)
        (place / "sensitivity.md").write_text(report(rows), encoding="utf-8")
        print(f"{name}: most hurt by 2 bits: " + ", ".join(f"{n} {v:+.3f}" for n, _, v in rows[:5]))
    if a.minutes or a.samples:
        train_multitask.main([*training_arguments(a, tasks, place), "--resume-from", str(path)])
        state = load_checkpoint(place / LAST)
        model = model_of(state)
    assert isinstance(model, PocketModel)
    fake.switch_on(model)
    calibrate(model, task, a.batches)
    weights = {k: v for k, v in model.state_dict().items() if not k.startswith("cell_heads.")}
    torch.save({**state, "model": weights, "ema": weights, "quantized": True}, place / "calibrated.pt")
    return place / "calibrated.pt"


def main(arguments: list[str] | None = None) -> None:
    a = parser().parse_args(arguments)
    seed_everything(a.seed)
    parts = [quantize_part(a, path) for path in a.model_path]
    if a.out:
        write_model(joined(*parts), a.out, "int2", {"pocket.target_hardware": a.target_hardware})
        print(summary(a.out))


if __name__ == "__main__":
    main()
