"""What the command line names, built: tasks with their data, and weights to begin with."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from pocket.data.places import home
from pocket.gguf_model import read_model, recalibrate
from pocket.model.config import PocketConfig
from pocket.model.pocket_model import PocketModel
from pocket.quantize import fake
from pocket.training.checkpoints import load_checkpoint
from pocket.training.ema import Ema
from pocket.training.loop import Task, Trainer
from pocket.training.mixed_task import MixedTask
from pocket.training.read_task import ReadTask
from pocket.training.regions import Region, RegionStrips
from pocket.training.sources import HeldStrips, StripShards

SEE_TASKS = ("lines", "caption", "ask", "find", "retrieve")
TASKS = ("read", *SEE_TASKS)
HELD_EVERY = 20
STRIP_COLUMNS = 144  # of an average strip: what a batch size counts


class BuiltTask(Task, Protocol):
    epoch_samples: int


def data_folder(a: argparse.Namespace) -> Path:
    return a.data or home() / "shards"


def named_datasets(a: argparse.Namespace) -> dict[str, Path | None]:
    """`NAME` or `NAME=FOLDER`, in the order given."""
    out: dict[str, Path | None] = {}
    for item in filter(None, a.datasets.split(",")):
        name, _, place = item.strip().partition("=")
        out[name] = Path(place) if place else None
    return out


def build_read_task(a: argparse.Namespace, model: PocketModel, device: torch.device) -> ReadTask:
    datasets = named_datasets(a)
    if "textocr" in datasets and "strips" not in datasets:
        from pocket.training.published_source import textocr_regions

        regions = textocr_regions(datasets["textocr"] or data_folder(a) / "textocr")
        return region_task(regions, model, a.batch_size, a.held_limit, a.seed, device)
    place = datasets.get("strips") or data_folder(a) / "strips"
    train = StripShards(place, seed=a.seed, uses=a.uses)
    held = HeldStrips(place.with_name(place.name + "-test"), a.held_limit)
    return ReadTask(model.config, train, held, a.batch_size * STRIP_COLUMNS, device)


def region_task(
    regions: list[Region], model: PocketModel, batch_size: int, held_limit: int, seed: int, device: torch.device
) -> ReadTask:
    """Reading what pictures are known to say; one region in 20 is for evaluation."""
    held = regions[::HELD_EVERY] if len(regions) >= HELD_EVERY else regions
    train = [r for i, r in enumerate(regions) if i % HELD_EVERY] if len(regions) >= HELD_EVERY else regions
    height = model.config.reader.height
    strips = RegionStrips(train, height, seed)
    checked = list(RegionStrips(held, height, seed).held(held_limit))
    task = ReadTask(model.config, strips, checked, batch_size * STRIP_COLUMNS, device)
    task.epoch_samples = len(strips)
    return task


def build_task(
    a: argparse.Namespace, tasks: list[str], model: PocketModel, device: torch.device, saved: dict[str, Any] | None
) -> BuiltTask:
    parts: list[BuiltTask] = []
    if "read" in tasks:
        parts.append(build_read_task(a, model, device))
    seeing = [t for t in tasks if t in SEE_TASKS]
    if seeing:
        from pocket.training.build_see import build_see_task

        parts.append(build_see_task(a, seeing, named_datasets(a), data_folder(a), model, device, saved))
    return parts[0] if len(parts) == 1 else MixedTask(parts)


@dataclass
class Weights:
    """Weights of an earlier training, or of a pocket.gguf."""

    model: PocketModel
    from_file: bool  # of a pocket.gguf: BatchNorms are folded

    @property
    def config(self) -> PocketConfig:
        return self.model.config

    def copy_to(self, model: PocketModel, quantize: bool) -> None:
        """The parts that both have."""
        if not quantize:
            fake.switch_off(self.model)
        elif fake.is_on(self.model):
            fake.switch_on(model)
        source = self.model.state_dict()
        model.load_state_dict({k: v for k, v in source.items() if k in model.state_dict()}, strict=False)

    def after(self, trainer: Trainer, task: Any) -> None:
        """Statistics for folded norms, from the task's own data; the average begins with these weights."""
        if self.from_file:
            assert isinstance(trainer.model, PocketModel)
            task.calibrate(trainer.model, recalibrate)
        trainer.ema = Ema(trainer.model, trainer.options.ema_decay)


def start_from(path: Path) -> Weights:
    if path.suffix == ".gguf":
        return Weights(read_model(path)[0], True)
    return Weights(model_of(load_checkpoint(path)), False)


def model_of(state: dict[str, Any], averaged: bool = True) -> PocketModel:
    """The model of a checkpoint, of all the parts that it holds, without the heads of training."""
    weights: dict[str, torch.Tensor] = state["ema" if averaged else "model"]
    parts = {name.split(".")[0] for name in weights}
    model = PocketModel(PocketConfig.from_dict(state["config"]), "reader" in parts, "encoder" in parts)
    if fake.state_has_quantizers(weights):
        fake.switch_on(model)
    model.load_state_dict({k: v for k, v in weights.items() if not k.startswith("cell_heads.")})
    return model.eval()


def joined(*paths: Path) -> PocketModel:
    """One model of a reader's checkpoint and of the rest's; a pocket.gguf may stand for either or both."""
    sources = [start_from(path).model for path in paths]
    whole = PocketModel(sources[0].config)
    found: dict[str, torch.Tensor] = {}
    for source in sources:
        if source.config.reader.characters != whole.config.reader.characters:
            raise ValueError("the checkpoints know different characters: they do not belong together")
        found.update(source.state_dict())
    if fake.state_has_quantizers(found):
        fake.switch_on(whole)
    missing = whole.load_state_dict(found, strict=False).missing_keys
    lost = [k for k in missing if not k.endswith(".quantizer.scale")]
    if lost:
        raise ValueError(f"{', '.join(map(str, paths))}: no {lost[0].split('.')[0]} in them; give its checkpoint, too")
    return whole.eval()
