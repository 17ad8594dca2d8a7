"""Trains the model, or a part of it, on one or several tasks.

    python -m pocket.train_multitask --config pocket-s --tasks read --datasets strips --checkpoints DIR
    python -m pocket.train_multitask --config pocket-s --tasks lines,caption,ask,find,retrieve --datasets scenes,pages \
        --checkpoints DIR --resume
    torchrun --nproc_per_node 4 -m pocket.train_multitask ...        the same, on several GPUs or processes
The reader (task read) shares no weights with the rest, so both can be trained in two processes at the same time.
A run ends with its budget (--epochs, --samples, --minutes), with its session (--session_minutes) or by a signal;
--resume goes on from the newest checkpoint, --resume-from from any checkpoint or a pocket.gguf.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from pocket.data.places import home
from pocket.model.config import PocketConfig, named_config
from pocket.model.pocket_model import PocketModel
from pocket.training import distributed
from pocket.training.build import TASKS, build_task, start_from
from pocket.training.checkpoints import Checkpoints, load_checkpoint, seed_everything
from pocket.training.loop import Options, Trainer
from pocket.training.schedule import Schedule


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    model = p.add_argument_group("model")
    model.add_argument("--config", default="pocket-s", help="pocket-s, tiny, or a YAML or JSON file")
    model.add_argument("--arch_checkpoint", type=Path, help="what train_nas found: takes the place of --config")
    model.add_argument("--resume", action="store_true", help="go on from the newest checkpoint, if there is one")
    model.add_argument("--resume-from", "--resume_from", type=Path, help="begin with these weights: .pt or .gguf")
    model.add_argument("--quantize", action="store_true", help="train with weights of 2 bits from now on")
    data = p.add_argument_group("data")
    data.add_argument("--tasks", default="lines,caption,ask,find,retrieve", help=f"of {','.join(TASKS)}")
    data.add_argument(
        "--datasets",
        default="",
        help="comma-separated: strips, pages, scenes (shards), or published ones: "
        "coco_captions, coco_retrieval, textocr, vqa2; NAME=FOLDER names the place",
    )
    data.add_argument("--data", type=Path, help="folder of the datasets (default: $POCKET_HOME/shards)")
    data.add_argument("--batch_size", type=int, default=24, help="pictures, or strips of 144 columns, in a step")
    data.add_argument(
        "--see_size",
        type=int,
        help="side of pictures for captions, questions and retrieval (default: the "
        "model's); 128 learns three times as fast at first",
    )
    data.add_argument("--uses", type=int, default=4, help="times that a made sample is used")
    data.add_argument("--held_limit", type=int, default=1000, help="samples in an evaluation while training")
    length = p.add_argument_group("length")
    length.add_argument("--epochs", type=float, help="passes over the data; of made data, an epoch is 100,000 samples")
    length.add_argument("--samples", type=int)
    length.add_argument("--minutes", type=float, help="of training, all sessions together")
    length.add_argument("--session_minutes", type=float, help="of this session")
    length.add_argument("--decay_minutes", type=float, help="begin the last phase, in which the rate falls to zero")
    rate = p.add_argument_group("learning")
    rate.add_argument("--learning_rate", "--lr", type=float, default=1.5e-3)
    rate.add_argument("--schedule", choices=("constant", "cosine"), default="constant")
    rate.add_argument("--warmup", type=int, default=300)
    rate.add_argument("--precision", choices=("auto", "f32", "bf16"), default="auto")
    rate.add_argument("--device", default="auto")
    rate.add_argument("--threads", type=int, default=1, help="a process; more processes are faster than more threads")
    rate.add_argument("--seed", type=int, default=1)
    rate.add_argument("--teacher", type=Path, help="distil from this checkpoint or pocket.gguf")
    place = p.add_argument_group("places")
    place.add_argument("--checkpoints", type=Path, default=home() / "checkpoints")
    place.add_argument("--mirror", type=Path, help="a second folder, on another disk if there is one")
    place.add_argument("--checkpoint_minutes", type=float, default=7.0)
    place.add_argument("--evaluation_minutes", type=float, default=10.0)
    return p


def chosen_config(a: argparse.Namespace, saved: dict | None) -> PocketConfig:
    if saved is not None:
        return PocketConfig.from_dict(saved["config"])
    if a.arch_checkpoint is not None and a.arch_checkpoint.suffix in (".pt", ".pth"):
        return PocketConfig.from_dict(load_checkpoint(a.arch_checkpoint)["config"]).with_characters()
    return named_config(str(a.arch_checkpoint or a.config))


def main(arguments: list[str] | None = None) -> None:
    a = parser().parse_args(arguments)
    tasks = [t for t in a.tasks.split(",") if t]
    for unknown in set(tasks) - set(TASKS):
        raise SystemExit(f"--tasks: unknown task '{unknown}', expected some of {', '.join(TASKS)}")
    torch.set_num_threads(a.threads)
    device = distributed.choose_device(a.device)
    distributed.start(device)
    seed_everything(a.seed)
    checkpoints = Checkpoints(a.checkpoints, a.mirror)
    saved = checkpoints.load_newest() if a.resume else None
    weights = start_from(a.resume_from) if saved is None and a.resume_from else None
    config = weights.config if weights else chosen_config(a, saved)
    model = PocketModel(config, with_reader="read" in tasks, with_rest=tasks != ["read"])
    if weights:
        weights.copy_to(model, a.quantize)
    distributed.share_initial(model)
    seed_everything(a.seed + 1000 * distributed.rank())
    task = build_task(a, tasks, model, device, saved)
    samples = a.samples
    if a.epochs is not None:
        samples = int(a.epochs * task.epoch_samples)
    options = Options(
        learning_rate=a.learning_rate,
        schedule=Schedule(a.schedule, a.warmup),
        minutes=a.minutes,
        samples=samples,
        session_minutes=a.session_minutes,
        decay_minutes=a.decay_minutes,
        checkpoint_minutes=a.checkpoint_minutes,
        evaluation_minutes=a.evaluation_minutes,
        precision=a.precision,
        quantize=a.quantize,
    )
    trainer = Trainer(model, task, config, options, checkpoints, device)
    if saved is not None:
        trainer.load_state(saved)
    if weights:
        weights.after(trainer, task)
    if distributed.rank() == 0:
        count = sum(p.numel() for p in trainer.model.parameters()) / 1e6
        print(f"{a.tasks}: {count:.2f} M parameters on {device}, from sample {trainer.progress.samples}", flush=True)
    trainer.run()
    distributed.stop()


if __name__ == "__main__":
    main()
