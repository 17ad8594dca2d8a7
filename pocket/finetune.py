"""Trains the built-in model on a user's own pictures.

    python -m pocket.finetune --model pocket.gguf --train_data mine.jsonl --tasks captioning,ocr --out mine.gguf
The file's form is described in pocket/training/user_data.py. One picture in ten is kept for evaluation (none of fewer
than ten). A model of 2 bits stays one of 2 bits.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from pocket.export import summary
from pocket.gguf_model import write_model
from pocket.model.pocket_model import PocketModel
from pocket.quantize import fake
from pocket.training import distributed
from pocket.training.build import Weights, joined, region_task
from pocket.training.build_see import encoder_of
from pocket.training.checkpoints import Checkpoints, seed_everything
from pocket.training.loop import Options, Trainer
from pocket.training.mixed_task import MixedTask
from pocket.training.schedule import Schedule
from pocket.training.see_task import SeeTask
from pocket.training.user_data import Item, UserPictures, load_items

# The user's words for tasks, and what is trained for them.
TASKS = {
    "captioning": ("caption",),
    "caption": ("caption",),
    "vqa": ("ask",),
    "ask": ("ask",),
    "ocr": ("lines", "read"),
    "retrieval": ("retrieve",),
    "retrieve": ("retrieve",),
    "lines": ("lines",),
    "read": ("read",),
}
HELD_EVERY = 10
STEPS_AN_EPOCH_AT_LEAST = 1


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", type=Path, nargs="+", required=True, help="a pocket.gguf, or checkpoints of both parts")
    p.add_argument("--train_data", type=Path, required=True, help="JSON objects, one a line")
    p.add_argument(
        "--tasks", default="captioning,ocr,vqa", help=f"of {','.join(TASKS)}; those without data are left out"
    )
    p.add_argument("--epochs", type=float, default=10)
    p.add_argument("--learning_rate", type=float, default=1e-4)
    p.add_argument("--batch_size", type=int, default=16)
    p.add_argument("--out", type=Path, required=True, help="the .gguf to write")
    p.add_argument("--weights", choices=("f16", "q8_0", "int2"), help="default: as the model has them")
    p.add_argument("--work", type=Path, help="folder for checkpoints and curves")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--seed", type=int, default=1)
    return p


def main(arguments: list[str] | None = None) -> dict[str, float]:
    a = parser().parse_args(arguments)
    wanted: set[str] = set()
    for name in a.tasks.split(","):
        if name not in TASKS:
            raise SystemExit(f"--tasks: unknown task '{name}', expected some of {', '.join(TASKS)}")
        wanted.update(TASKS[name])
    torch.set_num_threads(a.threads)
    seed_everything(a.seed)
    device = distributed.choose_device()
    model = joined(*a.model)
    weights = a.weights or ("int2" if fake.is_on(model) else "f16")
    if weights == "int2":
        fake.switch_on(model)
    items = load_items(a.train_data, model.config.image_size)
    task, from_file = build(a, model, items, wanted, device), any(m.suffix == ".gguf" for m in a.model)
    options = Options(
        learning_rate=a.learning_rate,
        schedule=Schedule("cosine", warmup=10),
        evaluation_minutes=1e9,
        samples=max(STEPS_AN_EPOCH_AT_LEAST, int(a.epochs * task.epoch_samples)),
        ema_decay=0.99,
    )  # short runs: an average over the last hundred steps
    trainer = Trainer(model, task, model.config, options, Checkpoints(a.work) if a.work else None, device)
    Weights(model, from_file).after(trainer, task)
    before = trainer.evaluate()
    trainer.run()
    after = trainer.evaluate()
    trainer.ema.copy_to(model)
    write_model(model.eval(), a.out, weights)
    print(summary(a.out))
    for name, value in after.items():
        print(f"{name}: {before.get(name, float('nan')):.4f} before, {value:.4f} after")
    return after


def build(
    a: argparse.Namespace, model: PocketModel, items: list[Item], wanted: set[str], device: torch.device
) -> MixedTask:
    """The tasks that there is data for."""
    held = items[::HELD_EVERY] if len(items) >= HELD_EVERY else items
    train = [i for k, i in enumerate(items) if k % HELD_EVERY or len(items) < HELD_EVERY]
    size = model.config.image_size
    parts = []
    has = {
        "caption": any(i.record.captions for i in train),
        "ask": any(i.record.questions for i in train),
        "lines": any(i.record.lines is not None for i in train),
        "retrieve": any(i.record.captions for i in train),
    }
    seeing = sorted(t for t in wanted if has.get(t))
    if seeing:
        source = UserPictures(train, size, a.seed)
        pictures = UserPictures(held, size, a.seed).all()
        see = SeeTask(
            model,
            seeing,
            [(source, 1.0)],
            {"own": [pictures]},
            encoder_of(model.config),
            None,
            min(a.batch_size, len(train)),
            device,
            a.seed,
        )
        see.epoch_samples = len(source)
        parts.append(see)
    regions = [r for i in train for r in i.regions]
    if "read" in wanted and regions:
        parts.append(region_task(regions, model, a.batch_size, 1000, a.seed, device))
    if not parts:
        raise SystemExit(f"{a.train_data}: no data for the tasks {', '.join(sorted(wanted))}")
    return MixedTask(parts)


if __name__ == "__main__":
    main()
